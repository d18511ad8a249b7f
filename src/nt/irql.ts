/** Interrupt request levels of a virtual CPU (kmdf queues-requests-cancel section 1). Code at level n is interrupted only by levels above n. */
export type Irql = number;

export const PASSIVE_LEVEL: Irql = 0;
export const APC_LEVEL: Irql = 1;
export const DISPATCH_LEVEL: Irql = 2;
/** Lowest device level; a vector's own level lies between this and HIGH_LEVEL. */
export const DIRQL_MIN: Irql = 3;
export const HIGH_LEVEL: Irql = 15;

export function irqlName(irql: Irql): string {
  if (irql === PASSIVE_LEVEL) return 'PASSIVE_LEVEL';
  if (irql === APC_LEVEL) return 'APC_LEVEL';
  if (irql === DISPATCH_LEVEL) return 'DISPATCH_LEVEL';
  if (irql === HIGH_LEVEL) return 'HIGH_LEVEL';
  return `DIRQL(${irql})`;
}
