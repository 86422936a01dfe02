import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds on a clock that all processes of this machine share. */
export function nowMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1e6;
}

/**
 * Calls `emit` at a steady rate for each second. Makes up calls that a late timer missed. Returns the number of calls.
 */
export async function paced(perSecond: number, seconds: number, emit: (i: number) => void): Promise<number> {
  const start = nowMs();
  const total = Math.round(perSecond * seconds);
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((nowMs() - start) * perSecond) / 1_000) + 1);
    while (sent < due) emit(sent++);
    await delay(Math.max(1, (sent * 1_000) / perSecond - (nowMs() - start)));
  }
  return sent;
}

/** Polls `look` until it returns true. Returns false after `ms`. */
export async function eventually(look: () => boolean | Promise<boolean>, ms: number, everyMs = 20): Promise<boolean> {
  const end = nowMs() + ms;
  while (!(await look())) {
    if (nowMs() > end) return false;
    await delay(everyMs);
  }
  return true;
}
