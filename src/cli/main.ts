#!/usr/bin/env node
import type { Lab } from './lab.js';
import { runProcess } from './run-process.js';

/** Deferred: engines, devices and scenarios are not loaded for `--help`. */
const openLab = async (): Promise<Lab> => (await import('./real-lab.js')).openLab();

runProcess(openLab);
