import { setTimeout as delay } from 'node:timers/promises';

/** Returns the first value of `look` that is neither undefined nor false. Throws an error with `what` after `ms`. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 60_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`never happened within ${ms} ms: ${what}`);
    await delay(50);
  }
}
