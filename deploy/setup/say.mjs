import { fileURLToPath } from 'node:url';

/** The root of the checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A failure that its message explains in full. */
export class SetupError extends Error {}

/** One line for the person who waits. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** `4.2 s` since a `Date.now()`. */
export function since(start) {
  return `${((Date.now() - start) / 1000).toFixed(1)} s`;
}
