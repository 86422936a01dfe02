import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A failure whose message is enough for the user. */
export class SetupError extends Error {}

/** Prints one line for the user. */
export function log(line) {
  process.stderr.write(`${line}\n`);
}

/** Returns the time since a `Date.now()`, such as `4.2 s`. */
export function since(start) {
  return `${((Date.now() - start) / 1000).toFixed(1)} s`;
}
