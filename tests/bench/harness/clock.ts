import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds on a clock that all processes of this machine share. */
export function nowMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1e6;
}

/** Calls `emit` so many times a second, evenly; what a late timer missed is made up at once. Returns how often. */
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

/** Looks until `look` says yes; false when `ms` pass before. */
export async function eventually(look: () => boolean | Promise<boolean>, ms: number, everyMs = 20): Promise<boolean> {
  const end = nowMs() + ms;
  while (!(await look())) {
    if (nowMs() > end) return false;
    await delay(everyMs);
  }
  return true;
}
