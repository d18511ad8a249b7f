import { NT_SUCCESS } from '../nt/index.js';
export const x = NT_SUCCESS;
