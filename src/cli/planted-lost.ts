import { x } from './nowhere.js';
export const y = x;
