import { Mdl } from '../hal/mdl.js';
export const x = Mdl;
