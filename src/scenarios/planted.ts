import { Kernel } from '../kernel/index.js';
export const x = Kernel;
