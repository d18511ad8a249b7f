import { x } from './planted-a.js';
export const y = () => x;
