import { applyRunnerInfo, initialRunnerInfo } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { warningChanges, type HostFacts } from './warnings.js';

const GIB = 1024 ** 3;
const disk = (free: number, total = 100 * GIB): HostFacts => ({ disk: { free, total } });
const clock = (aheadMs: number, exactMs = 10): HostFacts => ({ clock: { aheadMs, exactMs } });
const versions = (host: string, relay: string): HostFacts => ({
  versions: { host: { version: host, wire: 1 }, relay: { version: relay, wire: 1 } },
});

describe('a warning of a runner', () => {
  it.each<[string, HostFacts, string, RegExp]>([
    ['the disk is nearly full', disk(4 * GIB), 'disk_low', /4(\.0)? GiB left of 100 GiB/],
    ['a small disk is nearly full', disk(0.4 * GIB, 8 * GIB), 'disk_low', /left of/],
    ['the clock is ahead', clock(2_500), 'clock_off', /2\.5 s ahead/],
    ['the clock is behind', clock(-3_000), 'clock_off', /3\.0 s behind/],
    ['the relay has another version', versions('0.1.0', '0.2.0'), 'version_old', /0\.1\.0, older than 0\.2\.0/],
    ['events wait on the disk', { spooled: 2 }, 'spool_waiting', /2 sessions wait/],
    ['no model has a key', { hasKeys: false }, 'keys_missing', /no key/],
  ])('is raised once when %s, and cleared when it is over', (_what, facts, code, message) => {
    const [change, ...others] = warningChanges(facts, new Set());
    expect(others).toEqual([]);
    expect(change).toMatchObject({
      kind: 'raised',
      warning: { code, message: expect.stringMatching(message) as string },
    });
    expect(warningChanges(facts, new Set([code]))).toEqual([]);
    const fine = { ...disk(50 * GIB), ...clock(0), ...versions('0.2.0', '0.2.0'), spooled: 0, hasKeys: true };
    expect(warningChanges(fine, new Set([code]))).toEqual([{ kind: 'cleared', code }]);
    expect(warningChanges(fine, new Set())).toEqual([]);
  });

  it('of the disk is cleared only when there is clearly more', () => {
    expect(warningChanges(disk(5.5 * GIB), new Set(['disk_low']))).toEqual([]);
    expect(warningChanges(disk(5.5 * GIB), new Set())).toEqual([]);
    expect(warningChanges(disk(7 * GIB), new Set(['disk_low']))).toEqual([{ kind: 'cleared', code: 'disk_low' }]);
  });

  it('stays as it is while its part of the host cannot be seen', () => {
    expect(warningChanges({}, new Set(['disk_low', 'clock_off', 'version_old', 'keys_missing']))).toEqual([]);
    // The answer took so long that the clock may be right or wrong.
    expect(warningChanges(clock(3_000, 2_000), new Set())).toEqual([]);
    expect(warningChanges(clock(3_000, 2_000), new Set(['clock_off']))).toEqual([]);
  });
});

it('a warning that is cleared leaves the entry of the runner, and the others stay', () => {
  const started = ['disk_low', 'pi_failed', 'disk_low'].reduce(
    (info, code) => applyRunnerInfo(info, { type: 'runner_warning', at: 1, code, message: code }),
    initialRunnerInfo('r1'),
  );
  const cleared = applyRunnerInfo(started, { type: 'runner_warning_cleared', at: 2, code: 'disk_low' });
  expect(cleared.warnings).toEqual([{ code: 'pi_failed', message: 'pi_failed', at: 1 }]);
});
