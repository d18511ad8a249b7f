import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GalleryEntry } from '../../src/scenarios/index.js';
import type { ReplayBackend } from '../../src/machine/report.js';
import { findDefect, replayHere, replayInProcesses, type KeptFinding, type ReplayCounts } from './replay.js';

/** So many findings are replayed in processes of their own, each of another device model; all others in one. */
export const IN_PROCESSES = 3;
export const REPLAYS = 100;

export interface ReplayGateSettings {
  /** Of each finding, in each of its forms and on each backend. */
  readonly replays: number;
  /** So many of the findings are replayed in fresh processes: the first of each device model. */
  readonly inProcesses: number;
  /** Processes at once. */
  readonly workers: number;
  readonly print: (line: string) => void;
}

export interface ReplayGateResult {
  readonly findings: number;
  readonly replays: number;
  readonly different: number;
  /** Everything was found, and replayed as its file says. */
  readonly isGreen: boolean;
}

const FORMS = ['full', 'shrunk'] as const;
const BACKENDS = ['controlled', 'lockstep'] as const satisfies readonly ReplayBackend[];

/**
 * Lets `explore` find one finding of each defect and replays it, as it was found and shrunk, on both backends. Anything
 * that is not as the schedule file says is red. The files go when all is green, else they stay and are named.
 */
export async function replayGate(pairs: readonly GalleryEntry[], settings: ReplayGateSettings): Promise<ReplayGateResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dmalab-replay-'));
  const sums = { findings: 0, replays: 0, different: 0 };
  const inProcesses = firstOfModels(pairs).slice(0, settings.inProcesses);
  let isGreen = pairs.length > 0;
  for (const pair of pairs) {
    const found = await findDefect(pair, folder);
    if (typeof found === 'string') {
      settings.print(`RED   ${pair.defect.name}: ${found}`);
      isGreen = false;
      continue;
    }
    sums.findings++;
    isGreen = (await replayFinding(found, inProcesses.includes(pair), folder, settings, sums)) && isGreen;
  }
  if (isGreen) rmSync(folder, { recursive: true });
  else settings.print(`schedules are in ${folder}`);
  return { ...sums, isGreen };
}

function firstOfModels(pairs: readonly GalleryEntry[]): readonly GalleryEntry[] {
  const modelOf = ({ defect }: GalleryEntry): string => defect.devices[0]!.model;
  return pairs.filter((pair, i) => pairs.findIndex((other) => modelOf(other) === modelOf(pair)) === i);
}

async function replayFinding(
  found: KeptFinding,
  inProcesses: boolean,
  folder: string,
  settings: ReplayGateSettings,
  sums: { replays: number; different: number },
): Promise<boolean> {
  const { replays, workers } = settings;
  const parts: string[] = [];
  let isGreen = true;
  for (const form of FORMS) {
    const kept = found[form];
    for (const backend of BACKENDS) {
      const counts = inProcesses
        ? await replayInProcesses(kept, backend, replays, folder, workers)
        : await replayHere(found.scenario, kept, backend, replays);
      sums.replays += counts.replays;
      sums.different += counts.different;
      isGreen &&= counts.replays === replays && counts.different === 0;
      parts.push(`${form} ${backend} ${partOf(counts)}`);
    }
  }
  const where = inProcesses ? 'each in a process' : 'in one process';
  settings.print(`${isGreen ? 'green' : 'RED  '} ${found.scenario.name} ${found.rule}, ${where}: ${parts.join(', ')}`);
  return isGreen;
}

const partOf = ({ replays, different, difference }: ReplayCounts): string =>
  `${replays - different}/${replays}${difference === null ? '' : ` (${difference})`}`;
