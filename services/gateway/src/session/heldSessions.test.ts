import { silentLogger } from '@pizzapi/process';
import { initialSessionInfo, type OwnerRow } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryRows } from '../testing/memoryRows.js';
import { HeldSessions, type ProjectedSession } from './heldSessions.js';

let owners: MemoryRows<OwnerRow>;
let rows: MemoryRows<ProjectedSession>;
let sessions: HeldSessions;
/** What was reported. */
let reports: string[];
/** Accounts whose changes are followed. */
const followed = new Set<string | undefined>();

const row = (name: string): ProjectedSession => ({ info: { ...initialSessionInfo('s'), name }, logBytes: 1 });
const ownedBy = (userId: string): OwnerRow => ({ userId, runnerId: 'r' });
const nameOf = (sid: string): string | undefined => sessions.row(sid)?.info.name;

beforeEach(async () => {
  owners = new MemoryRows('owners');
  rows = new MemoryRows('sessions');
  reports = [];
  followed.clear();
  sessions = new HeldSessions({
    ...{ owners, rows, log: silentLogger, maxIdle: 3 },
    keyOf: (userId, sid) => `${userId}.${sid}`,
    isFollowed: (userId) => followed.has(userId),
    listener: {
      owned: (sid, after, before) => reports.push(`${sid} owned ${before?.userId} -> ${after?.userId}`),
      projected: (sid, isNew) => reports.push(`${sid} ${isNew ? 'new' : 'changed'} ${nameOf(sid)}`),
      removed: (sid, userId) => reports.push(`${sid} removed ${userId}`),
      gap: () => reports.push('gap'),
    },
  });
  owners.write('s1', ownedBy('ann'));
  rows.write('ann.s1', row('one'));
  owners.write('s2', ownedBy('bob'));
  rows.write('bob.s2', row('two'));
  sessions.start();
  await sessions.ready;
  await report();
  reports = [];
});
afterEach(() => sessions.stop());

async function report(): Promise<void> {
  await owners.report();
  await rows.report();
}

describe('a session in memory', () => {
  it('is read when it is loaded, and not before', async () => {
    expect([sessions.owner('s1'), sessions.size, owners.gets]).toEqual([undefined, 0, 0]);
    await sessions.load('s1');
    expect([sessions.owner('s1')?.userId, nameOf('s1'), owners.gets, rows.gets]).toEqual(['ann', 'one', 1, 1]);
    await sessions.load('s1');
    expect([owners.gets, rows.gets]).toEqual([1, 1]);
  });

  it('is exact from then on', async () => {
    await sessions.load('s1');
    rows.write('ann.s1', row('changed'));
    await report();
    expect([nameOf('s1'), reports.at(-1)]).toEqual(['changed', 's1 changed changed']);
    owners.write('s1', undefined);
    await report();
    expect([sessions.owner('s1'), nameOf('s1')]).toEqual([undefined, undefined]);
    expect(reports.at(-1)).toBe('s1 owned ann -> undefined');
  });

  it('that is granted to another account shows nothing of the account before', async () => {
    await sessions.load('s1');
    owners.write('s1', ownedBy('eve'));
    await report();
    expect([sessions.owner('s1')?.userId, nameOf('s1')]).toEqual(['eve', undefined]);
    // The projection of the former owner arrives late.
    rows.write('ann.s1', row('secret'));
    await report();
    expect(nameOf('s1')).toBeUndefined();
    rows.write('eve.s1', row('hers'));
    await report();
    expect(nameOf('s1')).toBe('hers');
  });

  it('stays while it is held, and longer than others that were not used for longer', async () => {
    const release = sessions.hold('s1');
    await sessions.load('s1');
    for (const sid of ['a', 'b', 'c', 'd']) await sessions.load(sid);
    expect([nameOf('s1'), sessions.isLoaded('a'), sessions.isLoaded('d')]).toEqual(['one', false, true]);
    release();
    for (const sid of ['e', 'f', 'g']) await sessions.load(sid);
    expect([sessions.isLoaded('s1'), sessions.size]).toEqual([false, 3]);
  });

  it('of a followed account is reported when it changes, in memory or not; no other one is read', async () => {
    followed.add('ann');
    rows.write('ann.s1', row('followed'));
    rows.write('bob.s2', row('not followed'));
    await report();
    expect(reports).toContain('s1 new followed');
    expect([sessions.isLoaded('s2'), sessions.size]).toEqual([false, 1]);
    rows.write('ann.s1', undefined);
    await report();
    expect(reports.at(-1)).toBe('s1 removed ann');
  });

  it('that was read before the watch reported it is reported all the same', async () => {
    rows.write('ann.s1', row('new'));
    await sessions.load('s1');
    expect([nameOf('s1'), reports.filter((text) => text.includes('new'))]).toEqual(['new', []]);
    await report();
    expect(reports.at(-1)).toBe('s1 changed new');
  });

  it('is not as a replica has it that is behind the watch', async () => {
    const before = [owners.snapshot(), rows.snapshot()] as const;
    owners.write('s1', ownedBy('eve'));
    rows.write('eve.s1', row('hers'));
    await report();
    [owners.behind, rows.behind] = before;
    const loading = sessions.load('s1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(sessions.owner('s1')).toBeUndefined();
    owners.behind = rows.behind = undefined;
    await loading;
    expect([sessions.owner('s1')?.userId, nameOf('s1')]).toEqual(['eve', 'hers']);
  });

  it('is as the watch has reported while it was read, when the read was answered before', async () => {
    const loading = sessions.load('s1');
    owners.write('s1', ownedBy('eve'));
    rows.write('eve.s1', row('hers'));
    await Promise.all([loading, report()]);
    await report();
    await sessions.load('s1');
    expect([sessions.owner('s1')?.userId, nameOf('s1')]).toEqual(['eve', 'hers']);
  });

  it('is read again after a gap: what has changed unseen counts, and nothing else stays', async () => {
    sessions.hold('s1');
    await sessions.loadAll(['s1', 's2']);
    rows.write('ann.s1', row('unseen'));
    rows.lose();
    owners.write('s2', undefined);
    owners.lose();
    await report();
    await expect.poll(() => reports).toContain('gap');
    expect([nameOf('s1'), sessions.isLoaded('s2')]).toEqual(['unseen', false]);
  });

  it('many are loaded with two requests', async () => {
    await sessions.loadAll(['s1', 's2', 'none']);
    expect([nameOf('s1'), nameOf('s2'), owners.gets, rows.gets]).toEqual(['one', 'two', 0, 0]);
    expect(sessions.isLoaded('none')).toBe(true);
  });
});
