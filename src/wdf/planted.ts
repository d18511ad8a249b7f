import type { Finding } from '../machine/report.js';
export type X = Finding;
