import { Kernel } from '../kernel/kernel.js';
export const x = Kernel;
