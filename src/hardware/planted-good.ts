import { makeOp } from '../kernel/op.js';
import type { Clock } from '../kernel/clock.js';
export const x: [typeof makeOp, Clock?] = [makeOp];
