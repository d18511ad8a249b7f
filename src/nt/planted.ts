import { PAGE_SIZE } from '../memory/index.js';
export const x = PAGE_SIZE;
