/** Numbers as people read them: three significant digits, the unit that fits. Pure; no locale, so that reports are the same everywhere. */

interface Unit {
  readonly name: string;
  /** How many base units one of these is. */
  readonly scale: number;
}

const BYTE_UNITS: readonly Unit[] = [
  { name: 'B', scale: 1 },
  { name: 'KiB', scale: 2 ** 10 },
  { name: 'MiB', scale: 2 ** 20 },
  { name: 'GiB', scale: 2 ** 30 },
  { name: 'TiB', scale: 2 ** 40 },
];

const TIME_UNITS: readonly Unit[] = [
  { name: 'ns', scale: 1 },
  { name: 'µs', scale: 1e3 },
  { name: 'ms', scale: 1e6 },
  { name: 's', scale: 1e9 },
];

/** `1234567` as `1,234,567`; fractions are rounded off. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Three significant digits below 1000, whole digits above, no exponent. */
function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : formatCount(value);
}

/** The largest unit that is not below one; a value that rounds up to the next unit is printed in that. */
function formatScaled(value: number, units: readonly Unit[]): string {
  if (!Number.isFinite(value) || value < 0) return '-';
  let chosen = 0;
  while (chosen + 1 < units.length && roundedIn(value, units[chosen]!) * units[chosen]!.scale >= units[chosen + 1]!.scale) chosen++;
  const { name, scale } = units[chosen]!;
  return `${chosen === 0 ? String(Math.round(value)) : threeDigits(value / scale)} ${name}`;
}

function roundedIn(value: number, unit: Unit): number {
  return Math.max(Math.round(value / unit.scale), value / unit.scale);
}

/** `850 B`, `4.00 KiB`, `1.86 GiB`. */
export function formatBytes(bytes: number): string {
  return formatScaled(bytes, BYTE_UNITS);
}

/** `1.02 GiB/s`. */
export function formatBytesPerSecond(bytesPerSecond: number): string {
  const text = formatBytes(bytesPerSecond);
  return text === '-' ? text : `${text}/s`;
}

/** A span in nanoseconds: `850 ns`, `12.3 µs`, `1.20 ms`, `5.01 s`, `2 min 05 s`, `3 h 07 min`. */
export function formatDurationNs(ns: number): string {
  const seconds = Math.round(ns / 1e9);
  if (!Number.isFinite(ns) || seconds < 60) return formatScaled(ns, TIME_UNITS);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  return `${formatCount(Math.floor(minutes / 60))} h ${pad(minutes % 60)} min`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

export function formatDurationMs(ms: number): string {
  return formatDurationNs(ms * 1e6);
}

export function formatDurationSeconds(seconds: number): string {
  return formatDurationNs(seconds * 1e9);
}

/** `24,691/s`, `3.20/s`. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond) || perSecond < 0) return '-';
  return `${threeDigits(perSecond)}/s`;
}

/** Part of a whole: `42 %`, `0.3 %`; `-` when there is no whole. A part that is not all never reads `100 %`. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0) || !(part >= 0)) return '-';
  const percent = (100 * part) / whole;
  if (percent > 0 && percent < 10) return `${Math.max(percent, 0.1).toFixed(1)} %`;
  return `${part < whole ? Math.min(99, Math.round(percent)) : Math.round(percent)} %`;
}

/** `1 finding`, `2 findings`. */
export function formatPlural(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}
