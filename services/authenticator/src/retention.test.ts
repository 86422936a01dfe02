import { describe, expect, it } from 'vitest';
import { expiredSessions, KEEP_ALL, rulesFor, type RetainedSession } from './retention.js';

const DAY = 24 * 60 * 60_000;
const NOW = 1_000 * DAY;
const session = (sid: string, daysAgo: number, more: Partial<RetainedSession> = {}): RetainedSession => ({
  ...{ sid, isOver: true, endedAt: NOW - daysAgo * DAY, bytes: 100 },
  ...more,
});

describe('the rules of retention', () => {
  it('keep everything unless an operator or an admin says otherwise', () => {
    expect(expiredSessions([session('a', 900)], rulesFor(KEEP_ALL, undefined), NOW)).toEqual([]);
  });

  it('of an account take the place of those of the installation, each for itself, and null lifts one', () => {
    const defaults = { days: 90, bytes: 1_000 };
    expect(rulesFor(defaults, undefined)).toEqual(defaults);
    expect(rulesFor(defaults, { days: 7 })).toEqual({ days: 7, bytes: 1_000 });
    expect(rulesFor(defaults, { days: null, bytes: null })).toEqual(KEEP_ALL);
  });

  it('remove sessions that ended too long ago, the oldest first', () => {
    const all = [session('young', 3), session('old', 40), session('older', 50)];
    expect(expiredSessions(all, { days: 30, bytes: 0 }, NOW)).toEqual(['older', 'old']);
  });

  it('remove the oldest until the rest fits, and count what runs', () => {
    const all = [session('new', 1), session('old', 9), session('running', 20, { isOver: false, bytes: 150 })];
    expect(expiredSessions(all, { days: 0, bytes: 250 }, NOW)).toEqual(['old']);
    expect(expiredSessions(all, { days: 0, bytes: 350 }, NOW)).toEqual([]);
  });

  it('never touch a session that has not ended, however old and large it is', () => {
    const running = session('running', 900, { isOver: false, bytes: 10_000 });
    expect(expiredSessions([running], { days: 1, bytes: 1 }, NOW)).toEqual([]);
  });

  it('do not count the age of what was imported', () => {
    const imported = session('imported', 0, { endedAt: undefined });
    expect(expiredSessions([imported], { days: 1, bytes: 0 }, NOW)).toEqual([]);
  });
});
