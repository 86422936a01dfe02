import { describe, expect, it } from 'vitest';
import { FailedLoginLimiter, MAX_FAILED_LOGINS, REMEMBER_MS, WINDOW_MS } from './failedLoginLimiter.js';

const NOW = 1_800_000_000_000;

describe('what failed lately', () => {
  it('is refused again without a look-up for a moment, and only the very same login', () => {
    const failures = new FailedLoginLimiter();
    failures.note('h', 'runner.r', 'wrong', 'unauthenticated', NOW);
    expect(failures.cachedRefusal('h', 'runner.r', 'wrong', NOW + 1)).toBe('unauthenticated');
    expect(failures.cachedRefusal('h', 'runner.r', 'right', NOW + 1)).toBeUndefined();
    expect(failures.cachedRefusal('h', 'runner.r', 'wrong', NOW + REMEMBER_MS)).toBeUndefined();
  });

  it('closes an address that tries one login after another, until the time is over, and no other address', () => {
    const failures = new FailedLoginLimiter();
    for (let i = 0; i < MAX_FAILED_LOGINS; i++) failures.note('h', 'runner.r', `guess ${i}`, 'unauthenticated', NOW);
    expect(failures.cachedRefusal('h', 'runner.r', 'one more', NOW + 1)).toBe('too_many_requests');
    expect(failures.cachedRefusal('other', 'runner.r', 'one more', NOW + 1)).toBeUndefined();
    expect(failures.cachedRefusal('h', 'runner.r', 'one more', NOW + WINDOW_MS)).toBeUndefined();
  });

  it('does not close the way through a gateway, which all hosts share', () => {
    const failures = new FailedLoginLimiter();
    for (let i = 0; i <= MAX_FAILED_LOGINS; i++)
      failures.note(undefined, 'runner.r', `guess ${i}`, 'unauthenticated', NOW);
    expect(failures.cachedRefusal(undefined, 'runner.r', 'right', NOW + 1)).toBeUndefined();
    expect(failures.cachedRefusal(undefined, 'runner.r', 'guess 1', NOW + 1)).toBe('unauthenticated');
  });

  it('counts a login that is tried again and again once', () => {
    const failures = new FailedLoginLimiter();
    for (let i = 0; i < 2 * MAX_FAILED_LOGINS; i++) failures.note('h', 'runner.r', 'same', 'unauthenticated', NOW);
    expect(failures.cachedRefusal('h', 'runner.r', 'other', NOW + 1)).toBeUndefined();
  });

  it('is told once a minute', () => {
    const failures = new FailedLoginLimiter();
    expect(failures.shouldReport('runner.r', 'unauthenticated', NOW)).toBe(true);
    expect(failures.shouldReport('runner.r', 'unauthenticated', NOW + 59_999)).toBe(false);
    expect(failures.shouldReport('runner.r', 'runner_claimed', NOW)).toBe(true);
    expect(failures.shouldReport('runner.r', 'unauthenticated', NOW + 60_000)).toBe(true);
  });
});
