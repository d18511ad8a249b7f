import { y } from './planted-b.js';
export const x = () => y;
