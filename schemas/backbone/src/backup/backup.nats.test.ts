import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionEvent } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../blobStore.js';
import { internals, type Backbone } from '../connection.js';
import { consumeDurably } from '../durableConsumer.js';
import { eraseSession } from '../erasure/eraseSession.js';
import { buryRow, tombstones, type Tombstone } from '../erasure/tombstones.js';
import { holdLease } from '../lease.js';
import { claimSession, ownerOf } from '../owners.js';
import { provision, streamIdentity, verifyProvisioned } from '../provision.js';
import { publishAudit, publishRunnerEvent, sendCommand } from '../publish.js';
import { headOf, replay, type StoredEvent } from '../replay.js';
import { collect, numbered, numberOf, startScenario, type BackboneScenario } from '../scenario.js';
import { sessionStreams } from '../streams.js';
import { accountRows, keyRows, runnerOwnerRows, shareRows, usageRows } from '../tables.js';
import { openWriter } from '../writer.js';
import { connectBackbone } from '../connection.js';
import { mappingsConfig, startTestNats, type TestNats } from '../testing/index.js';
import { backUp, type BackupOptions } from './backup.js';
import { checkFolder, openBackupFolder, readBackupFolder } from './backupFolder.js';
import { streamSink, unpackStream } from './backupStream.js';
import { compareFolds } from './refold.js';
import { restore, type RestoreOptions } from './restore.js';

const PARTITIONS = 3;
const VERSIONS = { product: '0.0.0', wire: 1 };

let s: BackboneScenario;
let target: TestNats;
let to: Backbone;
let folder: string;
const epochs = new Map<string, number>();

beforeAll(async () => {
  [s, target] = await Promise.all([startScenario(), startTestNats({ config: mappingsConfig(PARTITIONS) })]);
  to = await connectBackbone({ url: target.url, name: 'restore' });
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-backup-'));
  await accountRows(s.b).put('user.ada', { userId: 'ada', name: 'Ada', role: 'member', createdAt: 1 });
  await runnerOwnerRows(s.b).put('runner.r1', { userId: 'ada', runnerId: 'r1', secretHash: 'x' });
  await keyRows(s.b).put('k'.repeat(64), {
    ...{ id: 'k', userId: 'ada', kind: 'user', name: 'k', hint: 'h', createdAt: 1 },
  });
  for (const sid of ['s1', 's2', 's3', 's4', 'gone']) await begin(sid);
  await claimSession(s.b, { sid: 'silent', userId: 'ada', runnerId: 'r1' });
  await publishRunnerEvent(s.b, 'r1', { type: 'runner_stopped', at: 1, reason: 'test' });
  await publishAudit(s.b, { kind: 'login', at: 1, userId: 'ada' });
  // As a gateway probes whether the stream stores what it gets.
  await internals(s.b).nc.request('runner.$probe.cmd', 'x', { timeout: 3_000 });
  for (const [commandId, expiresAt] of [
    ['late', Date.now() - 1],
    ['open', Date.now() + 1e6],
  ] as const)
    await sendCommand(s.b, 'r1', {
      ...{ commandId, name: 'list_sessions', args: {}, by: { userId: 'ada', via: 'owner' }, at: 1, expiresAt },
    });
});
afterAll(async () => {
  await to.close();
  await Promise.all([s.end(), target.stop()]);
  await rm(folder, { recursive: true, force: true });
});

async function begin(sid: string): Promise<void> {
  const claim = await claimSession(s.b, { sid, userId: 'ada', runnerId: 'r1' });
  if (claim.kind !== 'granted') throw new Error('refused');
  const { epoch } = claim;
  epochs.set(sid, epoch);
  const writer = await s.writer(sid, epoch);
  const started: SessionEvent = {
    ...{ type: 'session_started', at: 1, cwd: '/', name: sid, model: 'demo/demo' },
    ...{ runnerId: 'r1', userId: 'ada', epoch, piVersion: '1' },
  };
  await writer.append(started);
  for (let i = 0; i < 30; i++) await writer.append(numbered(i));
  await writer.close();
  await new BlobStore(s.b).put({ userId: 'ada', sid }, Buffer.from(`file of ${sid}`), 'text/plain', { keep: true });
  await shareRows(s.b).put(`${sid}.sh`, {
    ...{ shareId: 'sh', sessionId: sid, userId: 'ada', mode: 'read', createdAt: 1, expiresAt: 2 },
  });
}

async function backup(name: string, more: Partial<BackupOptions> = {}) {
  const sink = await openBackupFolder(join(folder, name));
  try {
    return await backUp(s.b, { sink, ...VERSIONS, segmentBytes: 20_000, ...more });
  } finally {
    await sink.close();
  }
}

const restoreFrom = async (name: string, more: Partial<RestoreOptions> = {}) => {
  const source = await readBackupFolder(join(folder, name));
  await checkFolder(join(folder, name), source.manifest);
  return restore(to, { source, partitions: PARTITIONS, ...more });
};

/** Takes away what was restored, so that the next test has an empty installation. */
async function empty(): Promise<void> {
  const { jsm } = internals(to);
  for await (const { config } of jsm.streams.list()) await jsm.streams.delete(config.name);
  internals(to).partitions = 1;
}

const told = ({ type, epoch, n, msgId, payload }: StoredEvent) => ({ type, epoch, n, msgId, payload: [...payload] });
const logOf = async (b: Backbone, sid: string) => (await collect(replay(b, sid))).flat().map(told);

describe('a backup', () => {
  it('of a running installation is restored with other partitions: logs, rows and files are the same, folds are equal', async () => {
    const stop = new AbortController();
    void consumeDurably(s.b, 'SESSIONS', {
      name: 'notifier',
      types: ['x'],
      signal: stop.signal,
      onEvent: async () => {},
    });
    const writer = await s.writer('s1', epochs.get('s1')!);
    // The host writes on while the backup is made: a part of this is in it, up to the cut.
    let isOver = false;
    const writing = (async () => {
      for (let i = 100; !isOver && i < 1_000; i++) await writer.append(numbered(i));
    })();
    const { manifest } = await backup('running');
    isOver = true;
    await writing;
    await writer.close();
    stop.abort();
    const before = await logOf(s.b, 's1');
    const sids = ['s1', 's2', 's3', 's4', 'gone'];
    const source = await readBackupFolder(join(folder, 'running'));
    expect(await compareFolds(s.b, source, { sids })).toEqual({ equal: 5, gone: 0 });

    const outcome = await restoreFrom('running');
    expect(outcome).toMatchObject({ partitions: PARTITIONS, left: { erased: 0, unowned: 0, missingFiles: 0 } });
    expect(outcome.restored).toMatchObject({ COMMANDS: 1, RUNNERS: 1, AUDIT: 1, accounts: 1, 'api-keys': 1, files: 5 });
    expect(await compareFolds(to, source, { sids, isRestored: true })).toEqual({ equal: 5, gone: 0 });
    for (const sid of ['s2', 's3', 's4']) expect(await logOf(to, sid)).toEqual(await logOf(s.b, sid));
    const restored = await logOf(to, 's1');
    expect(restored.length).toBeGreaterThanOrEqual(31);
    expect(restored).toEqual(before.slice(0, restored.length));
    await verifyProvisioned(to);
    expect(streamIdentity(to)).not.toBe(streamIdentity(s.b));
    const { last } = await headOf(to, 's2');
    expect(last).toBeGreaterThan(manifest.cut['SESSIONS']! + 1_000_000);
    const blob = await new BlobStore(to).get({ userId: 'ada', sid: 's2' }, await hashIn(to, 's2'));
    expect(Buffer.from(blob!.bytes).toString()).toBe('file of s2');
    expect((await usageRows(to).get('account.ada'))?.value.bytes).toBe(await bytesOf(s.b));
    // The reader continues in each partition, and the streams take events again.
    for (const stream of sessionStreams(PARTITIONS))
      expect((await internals(to).jsm.consumers.info(stream, 'notifier')).name).toBe('notifier');
    expect((await internals(to).jsm.streams.info('AUDIT')).config.duplicate_window).toBeGreaterThan(1e9);
  });

  it('lets a host resume its session: with its next epoch, behind what is in the log, and what it had spooled', async () => {
    // The spool of the host of the installation that was lost: its last event was not stored there.
    const lost = await s.writer('s2', epochs.get('s2')!);
    await lost.append(numbered(500));
    await lost.close();
    const claim = await claimSession(to, { sid: 's2', userId: 'ada', runnerId: 'r1' });
    if (claim.kind !== 'granted') throw new Error('refused');
    expect(claim.epoch).toBeGreaterThan(epochs.get('s2')! + 1_000_000);
    const writer = await openWriter(to, { sid: 's2', epoch: claim.epoch, spoolDir: s.spoolDir });
    expect(await writer.append(numbered(501))).toMatchObject({ kind: 'appended' });
    await writer.close();
    const notes = (await collect(replay(to, 's2'))).flat().filter(({ type }) => type === 'note');
    expect(notes.slice(-2).map(numberOf)).toEqual([29, 501]);
    expect((await claimSession(to, { sid: 's2', userId: 'bob', runnerId: 'r1' })).kind).toBe('refused');
  });

  it('is refused by an installation that is not empty, and while its services run', async () => {
    await expect(restoreFrom('running')).rejects.toMatchObject({ code: 'store_not_empty' });
    await empty();
    const other = await connectBackbone({ url: target.url, name: 'provision', partitions: PARTITIONS });
    await provision(other);
    await other.close();
    const lease = await holdLease(to, 'projector.0', { epoch: 1 });
    await expect(restoreFrom('running')).rejects.toMatchObject({ code: 'services_running' });
    if (lease.kind === 'held') await lease.lease.release();
  });

  it('begins again after an interruption, and no service starts meanwhile', async () => {
    await empty();
    const stop = new AbortController();
    const signal = stop.signal;
    const interrupted = restoreFrom('running', {
      signal,
      onProgress: ({ phase }) => phase === 'prove' && stop.abort(),
    });
    await expect(interrupted).rejects.toThrow();
    await expect(verifyProvisioned(to)).rejects.toMatchObject({ code: 'restore_unfinished' });
    await restoreFrom('running');
    await verifyProvisioned(to);
    expect(await logOf(to, 's3')).toEqual(await logOf(s.b, 's3'));
  });

  it('continues after an interruption, and adds only what is new; the last complete one stays until then', async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await expect(backup('steps', { signal: stop.signal, onProgress })).rejects.toThrow();
    await expect(readBackupFolder(join(folder, 'steps'))).rejects.toMatchObject({ code: 'backup_invalid' });
    const first = await backup('steps');
    const writer = await s.writer('s3', epochs.get('s3')!);
    await writer.append(numbered(700));
    await writer.close();
    const again = new AbortController();
    await expect(backup('steps', { signal: again.signal, onProgress: () => again.abort() })).rejects.toThrow();
    const kept = await readBackupFolder(join(folder, 'steps'));
    expect(kept.manifest).toEqual(first.manifest);
    await checkFolder(join(folder, 'steps'), kept.manifest);
    const second = await backup('steps');
    expect(second.messages).toBeLessThan(first.messages);
    const streams = (of: typeof second) => of.manifest.segments.filter(({ kind }) => kind !== 'bucket');
    expect(streams(second)).toEqual(expect.arrayContaining(streams(first)));
    const files = await readdir(join(folder, 'steps'));
    expect(files.filter((file) => file.endsWith('.seg')).sort()).toEqual(
      second.manifest.segments.map(({ file }) => file).sort(),
    );
    for (const file of files) expect((await stat(join(folder, 'steps', file))).mode & 0o077).toBe(0);
    await empty();
    await restoreFrom('steps');
    expect(await logOf(to, 's3')).toEqual(await logOf(s.b, 's3'));
  });

  it('as a stream is the same backup', async () => {
    const file = join(folder, 'stream');
    const out = createWriteStream(file, { mode: 0o600 });
    await backUp(s.b, { sink: streamSink(out), ...VERSIONS });
    await new Promise<void>((resolve) => out.end(resolve));
    const unpacked = await mkdtemp(join(folder, 'unpacked-'));
    await unpackStream(createReadStream(file), unpacked);
    await empty();
    await restoreFrom(unpacked.slice(folder.length + 1));
    expect(await logOf(to, 's4')).toEqual(await logOf(s.b, 's4'));
  });

  it('brings nothing back that was erased later, when it gets the newer tombstones', async () => {
    await backup('older');
    const [userId, sid] = ['ada', 'gone'];
    await buryRow(s.b, sid);
    await eraseSession(s.b, { userId, sid });
    const newer: Tombstone[] = await collect(tombstones(s.b));
    await empty();
    const outcome = await restoreFrom('older', { tombstones: newer });
    expect(outcome.left.erased).toBe(31);
    expect((await headOf(to, sid)).last).toBe(0);
    expect((await ownerOf(to, sid))?.erasedAt).toBeGreaterThan(0);
    expect((await claimSession(to, { sid, userId, runnerId: 'r1' })).kind).toBe('refused');
    expect(await shareRows(to).keys('gone.')).toEqual([]);
    // An incremental backup after the erasure has the tombstone itself.
    await backup('older');
    await empty();
    expect((await restoreFrom('older')).left.erased).toBe(31);
    expect((await headOf(to, sid)).last).toBe(0);
  });

  it('of another log is not mixed with the one of the folder', async () => {
    const sink = await openBackupFolder(join(folder, 'running'));
    await expect(backUp(to, { sink, ...VERSIONS })).rejects.toMatchObject({ code: 'backup_differs' });
    await expect(openBackupFolder(join(folder, 'running'))).rejects.toMatchObject({ code: 'store_in_use' });
    await sink.close();
  });
});

async function hashIn(b: Backbone, sid: string): Promise<string> {
  const { blobRows } = await import('../tables.js');
  return (await blobRows(b).keys(`ada.${sid}.`))[0]!.split('.')[2]!;
}

async function bytesOf(b: Backbone): Promise<number | undefined> {
  return (await usageRows(b).get('account.ada'))?.value.bytes;
}
