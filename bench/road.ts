import { runOnThreads } from '../src/backends/index.js';
import { PAGE_SIZE } from '../src/memory/index.js';
import type { RunReport } from '../src/machine/report.js';
import { ring } from '../src/scenarios/samples/ring.js';

export interface RoadOptions {
  readonly payloadBytes: number;
  readonly requests: number;
  readonly outstanding: number;
  readonly verifyPayload: boolean;
}

/**
 * One free-running run of the scenario `ring`: half reads, half writes, one MDL and one descriptor a request, as the
 * peers have. Throws when the run found something or left a request out.
 */
export async function runRoadReport({ payloadBytes, requests, outstanding, verifyPayload }: RoadOptions): Promise<RunReport> {
  const alignBytes = Math.min(payloadBytes, PAGE_SIZE);
  const report = await runOnThreads(ring, {
    overrides: {
      seed: 1,
      workload: { requests, outstanding, verifyPayload, minBytes: payloadBytes, maxBytes: payloadBytes, maxMdls: 1, alignBytes },
    },
    durationSeconds: null,
    preempt: null,
    keepGoing: false,
    blocking: true,
    again: 'npm run bench -- --only S3',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const first = report.findings[0];
  if (first !== undefined) throw new Error(`the run found ${first.rule}: ${first.message}`);
  if (report.requests !== requests) throw new Error(`the run completed ${report.requests} requests of ${requests}`);
  const verified = verifyPayload ? report.bytes : 0;
  if (report.bytesVerified !== verified) throw new Error(`the run compared ${report.bytesVerified} bytes, not ${verified}`);
  return report;
}

/** Nanoseconds per request, from the first submission to the last completion; starting and stopping threads is not in it. */
export async function runRoad(options: RoadOptions): Promise<number> {
  const { requestsPerSecond } = await runRoadReport(options);
  return 1e9 / requestsPerSecond;
}
