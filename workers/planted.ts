import { Kernel } from '../src/kernel/index.js';
export const x = Kernel;
