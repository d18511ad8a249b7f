import { gallery } from '../../src/scenarios/index.js';
import { judgePair, type PairResult, type PairTask } from './gallery.js';

/** The pool's task: one pair held to the bar, on this thread. */
export default function judgeNamed({ name, twinSchedules }: PairTask): PairResult {
  return judgePair(
    gallery.find(({ defect }) => defect.name === name)!,
    twinSchedules,
  );
}
