import type { DriverConfig } from '../wdf/driver.js';
export type X = DriverConfig;
