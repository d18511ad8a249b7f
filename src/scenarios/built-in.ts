import type { Scenario } from '../index.js';
import { demo } from './demo/demo.js';
import { amcc5933 } from './samples/amcc5933.js';
import { amcc5933Cancel } from './samples/amcc5933-cancel.js';
import { cancelProfiles } from './samples/cancel-profiles.js';
import { pcidrv } from './samples/pcidrv.js';
import { plx9x5x } from './samples/plx9x5x.js';
import { plx9x5xCancel } from './samples/plx9x5x-cancel.js';
import { reserveContention } from './samples/reserve-contention.js';
import { ring } from './samples/ring.js';
import { systemdma } from './samples/systemdma.js';
import { systemdmaCancel } from './samples/systemdma-cancel.js';
import { systemdmaLoop } from './samples/systemdma-loop.js';

/** The scenarios that come with the lab, in the order `dmalab list` shows them. */
export const builtInScenarios: readonly Scenario[] = [
  demo,
  amcc5933,
  amcc5933Cancel,
  cancelProfiles,
  pcidrv,
  plx9x5x,
  plx9x5xCancel,
  reserveContention,
  ring,
  systemdma,
  systemdmaCancel,
  systemdmaLoop,
];
