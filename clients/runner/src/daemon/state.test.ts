import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStart } from '@pizzapi/process';
import { isId } from '@pizzapi/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultRunnerId, loadIdentity } from './identity.js';
import { lockHome } from './lock.js';
import { SessionRecords, type SessionRecord } from './records.js';
import { MAX_RESTARTS, RESTART_WINDOW_MS, RestartBudget } from './restarts.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-state-'));
});

afterEach(() => rm(folder, { recursive: true }));

const record: SessionRecord = {
  ...{ sid: 's1', userId: 'owner', cwd: '/work', phase: 'hosted', activity: 'working', epoch: 7, name: 'One' },
  ...{ worker: { pid: 12, start: '345', socket: '/tmp/x.sock' }, startedAt: 1, lastActivityAt: 2 },
};

describe('the identity of a runner', () => {
  it('is created once, readable by its owner only, and stays the same', async () => {
    const path = join(folder, 'identity.json');
    const first = await loadIdentity(path);
    expect(await loadIdentity(path)).toEqual(first);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(first.runnerSecret.length).toBeGreaterThan(40);
  });

  it('is a valid id for every name of a machine', () => {
    for (const host of ['build-7.example.org', 'Ännes Rechner', '', '--', 'x'.repeat(200)]) {
      expect(isId(defaultRunnerId(host))).toBe(true);
    }
    expect(defaultRunnerId('Build-7.example.org')).toMatch(/^build-7_/);
  });
});

describe('state files', () => {
  it('are read as they were written, and the last write wins', async () => {
    const records = new SessionRecords(folder);
    const writes = [1, 2, 3].map((epoch) => records.save({ ...record, epoch }));
    await Promise.all(writes);
    expect((await records.all()).records).toEqual([expect.objectContaining({ ...record, epoch: 3 })]);
    await records.remove('s1');
    expect((await records.all()).records).toEqual([]);
  });

  it('contain the options of pi from the start of the session', async () => {
    const records = new SessionRecords(folder);
    const pi = { tools: ['read'], systemPrompt: 'Be a baker.' };
    await records.save({ ...record, pi });
    expect((await records.all()).records).toEqual([expect.objectContaining({ pi })]);
  });

  it('that cannot be read are reported and skipped', async () => {
    const records = new SessionRecords(folder);
    await records.save(record);
    // Of a later version: without the option it would be a session that may do more than it should.
    await writeFile(join(folder, 's4.json'), JSON.stringify({ ...record, sid: 's4', pi: { sandbox: true } }));
    await writeFile(join(folder, 's2.json'), '{"sid":"s2"');
    await writeFile(join(folder, 's3.json'), JSON.stringify({ ...record, sid: 'other' }));
    const { records: found, broken } = await records.all();
    expect(found.map(({ sid }) => sid)).toEqual(['s1']);
    expect(broken.sort()).toEqual(['s2', 's3', 's4'].map((name) => join(folder, `${name}.json`)));
  });

  it('are never written outside of their folder', async () => {
    await mkdir(join(folder, 'in'));
    await expect(new SessionRecords(join(folder, 'in')).save({ ...record, sid: '../out' })).rejects.toThrow(
      'Not an id',
    );
  });
});

describe('the lock of a home', () => {
  it('refuses a second daemon while the first lives, and is taken over from a dead one', async () => {
    const path = join(folder, 'daemon.json');
    await writeFile(path, JSON.stringify({ pid: 1, start: 'another life' }));
    const unlock = await lockHome(path);
    const parent = process.ppid;
    await writeFile(path, JSON.stringify({ pid: parent, start: await processStart(parent) }));
    await expect(lockHome(path)).rejects.toMatchObject({ code: 'store_in_use' });
    await unlock();
  });

  it('waits for a daemon that is stopping', async () => {
    const path = join(folder, 'stopping.json');
    const before = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)']);
    await once(before, 'spawn');
    await writeFile(path, JSON.stringify({ pid: before.pid, start: await processStart(before.pid!) }));
    const locked = lockHome(path, 30_000);
    before.kill('SIGKILL');
    await (
      await locked
    )();
  });
});

describe('the restarts of a worker', () => {
  it('are allowed a limited number of times within the window, and again after it', () => {
    const budget = new RestartBudget();
    for (let crash = 0; crash < MAX_RESTARTS; crash++) expect(budget.crashed(crash)).toBe(true);
    expect(budget.crashed(MAX_RESTARTS)).toBe(false);
    expect(budget.crashed(RESTART_WINDOW_MS + MAX_RESTARTS)).toBe(true);
  });
});
