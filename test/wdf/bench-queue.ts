import type { Suspending } from '../../src/kernel/index.js';
import { STATUS_CANCELLED, type NtStatus } from '../../src/nt/index.js';
import type { Device, IoQueue, IoQueueConfig, Request } from '../../src/wdf/index.js';
import { everyPoint } from '../kernel/bench-kernel.js';
import { Application, Rig, type RigOptions } from './rig.js';

export interface QueueBench {
  readonly rig: Rig;
  readonly application: Application;
  readonly device: Device;
  readonly queue: IoQueue;
  /** What EvtIo was given and keeps. */
  readonly held: Request[];
}

export interface BenchOptions extends RigOptions {
  readonly queue?: Partial<IoQueueConfig>;
  /** Default true. */
  readonly isStarted?: boolean;
}

/** A device with one default queue whose handler keeps every request and logs `EvtIo name`. */
export function keepingQueue(options: BenchOptions = {}): QueueBench {
  const rig = new Rig(options);
  const application = new Application(rig);
  const device = rig.createDevice();
  const held: Request[] = [];
  const isManual = options.queue?.dispatchType === 'manual';
  const queue = rig.createQueue(device, {
    dispatchType: 'parallel',
    ...(isManual
      ? {}
      : {
          evtIoDefault(_queue: IoQueue, request: Request): void {
            rig.log.push(`EvtIo ${application.nameOf(request)}`);
            held.push(request);
          },
        }),
    ...options.queue,
  });
  device.setDefaultQueue(queue);
  if (options.isStarted !== false) rig.start(device);
  return { rig, application, device, queue, held };
}

/** Submits requests of these names and empties the log. */
export function submit(bench: QueueBench, ...names: readonly string[]): Request[] {
  const requests = names.map((name) => bench.application.request(name));
  bench.application.submit(bench.device, ...requests);
  return requests;
}

/** An EvtRequestCancel that logs its call and completes the request CANCELLED. */
export function completingCancel({ rig, application }: Pick<QueueBench, 'rig' | 'application'>): (request: Request) => Suspending<void> {
  return function* (request: Request): Suspending<void> {
    rig.log.push(`EvtRequestCancel ${application.nameOf(request)}`);
    yield* request.complete(STATUS_CANCELLED);
  };
}

export const statusesOf = ({ completed }: Application): Record<string, NtStatus> =>
  Object.fromEntries(completed.map(({ name, status }) => [name, status]));

const INTERLEAVINGS_MAX = 50_000;

/**
 * Runs a scenario once for every order in which its virtual CPUs can pass their scheduling points, and calls its
 * `check` after each. Returns how many there are.
 */
export function everyInterleaving(scenario: () => { rig: Rig; check: () => void }): number {
  let prefix: number[] = [];
  for (let run = 1; run <= INTERLEAVINGS_MAX; run++) {
    const { rig, check } = scenario();
    rig.kernel.gate = everyPoint;
    const chosen: number[] = [];
    const widths: number[] = [];
    for (;;) {
      const enabled = rig.kernel.vcpus.filter((cpu) => cpu.isEnabled());
      if (enabled.length === 0) break;
      const choice = prefix[chosen.length] ?? 0;
      widths.push(enabled.length);
      chosen.push(choice);
      enabled[choice]!.advance();
    }
    check();
    let last = chosen.length - 1;
    while (last >= 0 && chosen[last] === widths[last]! - 1) last--;
    if (last < 0) return run;
    prefix = [...chosen.slice(0, last), chosen[last]! + 1];
  }
  throw new Error(`more than ${INTERLEAVINGS_MAX} interleavings`);
}
