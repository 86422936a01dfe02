/** Formats and parses numbers of bytes. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|[KMGT]iB|[KMGT]B|[KMGT])?$/i;

/**
 * Formats bytes as `512 B`, `1.5 MiB` or `20 GiB`: in the largest unit in which the number is at least 1, with at most
 * one decimal.
 */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // A number that rounds to 1024 of a unit is shown as 1 of the next unit.
  while (Math.round(value * 10) / 10 >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).replace(/\.0$/, '')} ${UNITS[unit]!}`;
}

/**
 * Returns the bytes of `20 GiB`, `1.5g`, `500 kB` or `1048576`. Returns undefined for a text that is not a size. Units
 * are multiples of 1024.
 */
export function parseBytes(text: string): number | undefined {
  const [, number, unit = 'B'] = SIZE.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  const power = UNITS.findIndex((name) => name[0] === unit[0]!.toUpperCase());
  const bytes = Math.round(Number(number) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
