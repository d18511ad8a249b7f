import type { Kernel } from '../kernel/index.js';
export type X = Kernel;
