import { startSecuredNats, TestHosts, type HostedTestSession, type SecuredNats } from '@pizzapi/authenticator/testing';
import {
  accountRows,
  archiveSession,
  blobRows,
  BlobStore,
  claimGrant,
  claimSession,
  closeAccount,
  connectBackbone,
  emailRows,
  eraseArchived,
  erasingRows,
  ERASING_PREFIX,
  headOf,
  holdLease,
  identityRows,
  invitationRows,
  keyRows,
  loginRows,
  notificationPrefsRows,
  openArchive,
  openWriter,
  ownerOf,
  publishAudit,
  publishRunnerEvent,
  proveArchive,
  pushSubscriptionRows,
  readAudit,
  readBackupFolder,
  readSessionRow,
  refreshRows,
  replay,
  requestRpc,
  RESTORE_OPTIONS,
  sessionRows,
  streamSink,
  tombstones,
  unpackStream,
  type Backbone,
} from '@pizzapi/backbone';
import { everyStoredMessage, placesOf } from '@pizzapi/backbone/testing';
import { askForRebuild, createProjector, watchRequest, type Projector } from '@pizzapi/meta-projector';
import { createMetrics, readOptions, silentLogger } from '@pizzapi/process';
import { decode, encode, hostApiSubjects, newId, type EraseRequest } from '@pizzapi/protocol';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeSession } from '../testing/storedSession.js';
import { runMaintenance } from './runMaintenance.js';

let s: SecuredNats;
let hosts: TestHosts;
let gateway: Backbone;
let projector: Projector;
let projecting: Promise<void>;
let folder: string;

beforeAll(async () => {
  s = await startSecuredNats({ secondLookMs: 50, sweepMs: 500 });
  hosts = new TestHosts(s);
  gateway = await s.connectAs('gateway');
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-erasure-'));
  const backbone = await s.connectAs('projector');
  projector = createProjector({ backbone, log: silentLogger, metrics: createMetrics() });
  projecting = projector.run();
});
afterAll(async () => {
  await projector.stop();
  await projecting;
  await hosts.close();
  await s.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A session with a text in everything, which the projector has read to its end. */
async function sessionWith(text: string, userId: string, runner?: Awaited<ReturnType<TestHosts['runner']>>) {
  const session = await storeSession({ hosts, gateway, folder }, text, userId, runner);
  await expect.poll(async () => (await readSessionRow(gateway, session.sid))?.info.state).toBe('ended');
  return session;
}

async function erase(erase: EraseRequest['erase']): Promise<Record<string, unknown>> {
  const body = encode({ erase, asked: { by: 'admin', ip: '192.0.2.1' } } satisfies EraseRequest);
  const outcome = await requestRpc(gateway, hostApiSubjects.purge, body, { timeoutMs: 20_000 });
  if (outcome.kind !== 'ok') throw new Error(outcome.kind);
  return decode(outcome.body) as Record<string, unknown>;
}

/** Waits for the second look. */
const isOver = () => expect.poll(() => erasingRows(gateway).keys(ERASING_PREFIX), { timeout: 30_000 }).toEqual([]);

/** Buckets with rows of several sessions, and leases. */
const SHARED = new Set(['KV_leases', 'KV_recent-sessions', 'KV_runners']);

/** What is stored of one session, with its offsets. */
async function storedOf({ sid }: Pick<HostedTestSession, 'sid'>): Promise<string[]> {
  const found: string[] = [];
  for await (const { stream, seq, subject, payload } of everyStoredMessage(s.admin))
    if (!SHARED.has(stream) && (subject.includes(sid) || Buffer.from(payload).includes(sid)))
      found.push(`${stream} ${seq} ${subject} ${Buffer.from(payload).toString('base64')}`);
  return found;
}

const proofs = async () => (await readAudit(gateway, { kind: 'erased', limit: 100 })).rows;

describe('a session that was erased', () => {
  const MARKER = `marker${newId()}`;

  it('leaves no byte of its content in any stream or bucket, nor in rebuilt rows, and others are untouched', async () => {
    const runner = await hosts.runner('ada');
    const erased = await sessionWith(MARKER, 'ada', runner);
    const sibling = await sessionWith('sibling', 'ada', runner);
    const foreign = await sessionWith('foreign', 'bob');
    const before = [await storedOf(sibling), await storedOf(foreign)];
    // The test can find it: in the log, rows, files and their entries, shares, commands, events of the runner.
    const streams = new Set((await placesOf(s.admin, MARKER)).map((place) => place.split(' ')[0]));
    expect([...streams].sort()).toEqual(
      [
        ...['COMMANDS', 'KV_blob-owners', 'KV_session-meta', 'KV_sessions', 'KV_shares', 'OBJ_session-blobs'],
        ...['RUNNERS', 'SESSIONS', 'KV_runners'],
      ].sort(),
    );

    const reply = await erase({ sid: erased.sid });
    expect(reply).toMatchObject({ kind: 'answer', isOver: true });
    expect(reply['removed']).toMatchObject({ events: 4, files: 1, shares: 1, commands: 1, runnerEvents: 1, rows: 1 });
    await isOver();
    // The projector has the folders of the runner, and gets the new list as an event.
    await expect.poll(() => placesOf(s.admin, MARKER)).toEqual([]);
    expect([await storedOf(sibling), await storedOf(foreign)]).toEqual(before);
    expect((await notificationPrefsRows(gateway).get('user.ada'))?.value.muted).not.toContain(erased.sid);

    const id = await askForRebuild(s.admin);
    for await (const request of watchRequest(s.admin, AbortSignal.timeout(30_000)))
      if (request.id === id && request.state === 'done') break;
    expect(await placesOf(s.admin, MARKER)).toEqual([]);
    expect((await sessionRows(gateway).keys()).filter((key) => key.endsWith(erased.sid))).toEqual([]);
    expect((await sessionRows(gateway).keys()).filter((key) => key.endsWith(sibling.sid))).toHaveLength(1);

    const [proof] = await proofs();
    expect(proof).toMatchObject({ what: 'session', why: 'asked', userId: 'admin', removed: { events: 4, files: 1 } });
    expect(JSON.stringify(proof)).not.toContain(erased.sid);
  });

  it('is refused to its host for good, which is told so and whose open connections end', async () => {
    const session = await sessionWith('late', 'cyd');
    const { host, sid, rid } = session;
    const keeper = await hosts.connect({ kind: 'keeper', rid }, host.password);
    await erase({ sid });
    await isOver();
    // What the host had not sent yet comes before it asks for the session.
    await publishRunnerEvent(host.b, rid, {
      ...{ type: 'session_opened', at: 1, sessionId: sid, cwd: '/spooled-late', adopted: false },
    });
    expect(await placesOf(s.admin, 'spooled-late')).not.toEqual([]);
    const claim = await claimGrant(host.b, host.of(sid), { signal: AbortSignal.timeout(20_000) });
    expect(claim).toMatchObject({ kind: 'refused', code: 'session_not_found', erased: true });
    expect(claim.kind === 'refused' && claim.message).toContain('was erased');
    expect((await ownerOf(gateway, sid))?.erasedAt).toBeGreaterThan(0);
    // A connection that could write to the session before cannot any more.
    const writer = await openWriter(keeper, {
      ...{ sid, epoch: 1e9, spoolDir: join(folder, `late-${sid}`) },
      signal: AbortSignal.timeout(1_000),
      storedIds: () => Promise.resolve([]),
    }).catch(() => undefined);
    await writer?.append({ type: 'agent_start', at: 1 });
    await writer?.close();
    expect((await headOf(gateway, sid)).last).toBe(0);
    await expect.poll(() => placesOf(s.admin, 'spooled-late'), { timeout: 20_000 }).toEqual([]);
    await isOver();
    // Erasing again changes nothing.
    expect(await erase({ sid })).toMatchObject({ kind: 'answer', removed: {}, isOver: true });
  });

  it('is finished by another authenticator when the one that began dies before the tombstone', async () => {
    const { sid, userId } = await sessionWith('half', 'dan');
    // As a request leaves it that died after its first write.
    await erasingRows(s.admin).create(`${ERASING_PREFIX}${userId}.${sid}`, { at: Date.now(), why: 'asked' });
    await isOver();
    expect((await headOf(gateway, sid)).last).toBe(0);
    expect((await ownerOf(gateway, sid))?.erasedAt).toBeGreaterThan(0);
  });

  it('refuses a session that does not exist', async () => {
    expect(await erase({ sid: 'nothing' })).toMatchObject({ kind: 'refused', code: 'session_not_found' });
  });
});

describe('an account that was erased', () => {
  const MARKER = `marker${newId()}`;
  const userId = 'eve';

  it('leaves no byte of it anywhere, with its sessions, keys, logins, devices, invitations and runners', async () => {
    const runner = await hosts.runner(userId);
    const sessions = [await sessionWith(MARKER, userId, runner), await sessionWith(MARKER, userId, runner)];
    const other = await sessionWith('other', 'fay');
    const before = await storedOf(other);
    const row = (await accountRows(gateway).get(`user.${userId}`))!.value;
    await accountRows(gateway).put(`user.${userId}`, { ...row, name: MARKER, email: `${MARKER}@example.com` });
    await emailRows(gateway).put(`email.${'1'.repeat(64)}`, { userId });
    await loginRows(gateway).put(`login.${'2'.repeat(64)}`, {
      ...{ id: 'l', userId, createdAt: 1, lastSeenAt: 1, expiresAt: 2, ip: '192.0.2.1', userAgent: MARKER },
      issuer: { checkedAt: 1 },
    });
    await refreshRows(gateway).put(`refresh.${'2'.repeat(64)}`, { sealed: MARKER });
    await identityRows(gateway).put(`identity.${'6'.repeat(64)}`, { userId });
    await invitationRows(gateway).put(`invitation.${'3'.repeat(64)}`, {
      ...{ id: 'i', createdBy: userId, createdAt: 1, expiresAt: 2, note: MARKER },
    });
    await keyRows(gateway).put('4'.repeat(64), {
      ...{ id: 'k', userId, kind: 'user', name: MARKER, hint: 'pz', createdAt: 1 },
    });
    await pushSubscriptionRows(gateway).put(`sub.${userId}.${'5'.repeat(32)}`, {
      ...{ endpoint: `https://push.example/${MARKER}`, keys: { p256dh: 'a', auth: 'b' }, label: MARKER, createdAt: 1 },
    });
    await publishAudit(gateway, { kind: 'key_created', at: 1, userId, keyId: 'k', name: MARKER });
    await publishAudit(gateway, { kind: 'runner_call', at: 1, userId, method: 'exec', command: MARKER });
    await publishAudit(gateway, { kind: 'share_created', at: 1, userId: 'fay', grantee: userId, grantedAs: MARKER });
    await publishAudit(gateway, { kind: 'login', at: 1, userId });

    await erase({ userId });
    await isOver();
    expect(await placesOf(s.admin, MARKER)).toEqual([]);
    expect(await storedOf(other)).toEqual(before);
    // What stays of it: tombstones, the proofs, and rows of the audit log without a text.
    const left = (await placesOf(s.admin, `.${userId}`)).filter((place) => !place.startsWith('KV_leases'));
    expect(left.filter((place) => place.startsWith('KV_owners '))).toEqual([`KV_owners $KV.owners.erased.${userId}`]);
    expect(await blobRows(gateway).keys(`${userId}.`)).toEqual([]);
    expect(await identityRows(gateway).keys('identity.')).toEqual([]);
    const buried: string[] = [];
    for await (const { id } of tombstones(s.admin)) buried.push(id);
    expect(buried).toEqual(expect.arrayContaining([userId, ...sessions.map(({ sid }) => sid)]));
    const rows = (await proofs()).filter(({ what }) => what === 'account');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ userId: 'admin', removed: { sessions: 2, keys: 2, logins: 1, devices: 1 } });

    // A host of the account is not let in, and its session is refused.
    const host = { kind: 'runner', rid: runner.rid } as const;
    const signal = AbortSignal.timeout(500);
    const late = connectBackbone({ url: s.url, name: 'late', host, password: runner.password, signal });
    await expect(late).rejects.toMatchObject({ code: 'nats_unauthorized' });
    expect(await erase({ userId })).toMatchObject({ kind: 'answer', isOver: true });
    expect(await erase({ userId: 'unknown' })).toMatchObject({ kind: 'refused', code: 'user_not_found' });
  });
});

it('the issuer cannot enable an account that is being erased', async () => {
  const row = { userId: 'max', name: 'Max', role: 'member', createdAt: 1, disabledAt: 2 } as const;
  await accountRows(gateway).put('user.max', { ...row, disabledBy: 'issuer' });
  expect(await closeAccount(s.admin, 'max')).toBe(true);
  expect((await accountRows(gateway).get('user.max'))?.value).toEqual(row);
});

describe('what is kept of an account', () => {
  it('is what an admin says: old sessions that ended are erased, with a row in the audit log; one that runs stays', async () => {
    const runner = await hosts.runner('ivy');
    const old = await sessionWith('old', 'ivy', runner);
    const running = await sessionWith('running', 'ivy', runner);
    const lease = await holdLease(running.worker, `session.${running.sid}`, { epoch: running.epoch });
    const row = (await accountRows(gateway).get('user.ivy'))!.value;
    await accountRows(gateway).put('user.ivy', { ...row, retention: { days: 1 } });
    await expect.poll(async () => (await ownerOf(gateway, old.sid))?.erasedAt, { timeout: 20_000 }).toBeGreaterThan(0);
    await isOver();
    expect((await headOf(gateway, old.sid)).last).toBe(0);
    expect((await headOf(gateway, running.sid)).last).toBeGreaterThan(0);
    expect((await proofs())[0]).toMatchObject({ what: 'session', why: 'retention' });
    await accountRows(gateway).put('user.ivy', row);
    if (lease.kind === 'held') await lease.lease.release();
  });
});

/** The sessions that were made of archives. */
const openedSids = new Set<string>();

describe('an archive', () => {
  it('of an ended session is opened as a read-only session with the same content, after the session was erased', async () => {
    const text = `archived${newId()}`;
    const { sid, userId } = await sessionWith(text, 'joe');
    const file = join(folder, 'archive');
    const out = createWriteStream(file);
    const archived = await archiveSession(s.admin, sid, { sink: streamSink(out), product: '0', wire: 1 });
    await new Promise<void>((resolve) => out.end(resolve));
    expect(archived).toMatchObject({ userId, events: 4, files: 1 });
    const unpacked = await mkdtemp(join(folder, 'open-'));
    await unpackStream(createReadStream(file), unpacked);
    const source = await readBackupFolder(unpacked);
    await proveArchive(s.admin, source, sid, archived);
    const short = proveArchive(s.admin, source, sid, { userId, last: archived.last - 1 });
    await expect(short).rejects.toThrow('other events than its log');
    await new BlobStore(gateway).put({ userId, sid }, Buffer.from('one more'), 'text/plain', { keep: true });
    await expect(proveArchive(s.admin, source, sid, archived)).rejects.toThrow('lacks 1 files');
    const running = await hosts.session(await hosts.runner('joe'));
    const refused = archiveSession(s.admin, running.sid, { sink: streamSink(out), product: '0', wire: 1 });
    await expect(refused).rejects.toMatchObject({ code: 'session_running' });
    await eraseArchived(s.admin, sid, archived);
    await isOver();
    expect(await placesOf(s.admin, text)).toEqual([]);

    const opened = await openArchive(s.admin, source, userId);
    expect(opened).toMatchObject({ events: 4, files: 1 });
    expect(opened.sessionId).not.toBe(sid);
    openedSids.add(opened.sessionId);
    await expect
      .poll(async () => (await readSessionRow(gateway, opened.sessionId))?.info)
      .toMatchObject({
        ...{ name: text, state: 'ended', runnerId: 'import', cwd: `/${text}` },
      });
    expect(await new BlobStore(gateway).usage.sessionsOf(userId)).toEqual(
      new Map([[opened.sessionId, Buffer.byteLength(`a file: ${text}`)]]),
    );
  });
});

it('old sessions are archived also when one of them cannot be, and one that was opened has no age', async () => {
  const [broken, whole] = [await sessionWith('broken', 'lee'), await sessionWith('whole', 'lee')];
  await blobRows(gateway).put(`lee.${broken.sid}.${'7'.repeat(64)}`, { size: 1, mediaType: 'text/plain', at: 1 });
  const options = readOptions(RESTORE_OPTIONS, {}, { PIZZAPI_NATS_URL: s.url });
  const store = { ...options, adminNkey: s.credentials.admin.nkeySeed };
  const context = {
    ...{ log: silentLogger, signal: new AbortController().signal, progress: () => undefined },
    ...{ stdin: Readable.from([]), stdout: new PassThrough() },
  };
  const to = join(folder, 'archives');
  const old = await runMaintenance({ command: 'archive', olderThanMs: 0, to, keep: true }, store, context);
  const { archived, failed } = old.json as Record<'archived' | 'failed', { sid: string }[]>;
  expect(failed).toMatchObject([{ sid: broken.sid, message: expect.stringContaining('has no content') as string }]);
  expect(old).toMatchObject({ isPartial: true });
  expect(old.lines.at(-1)).toContain(`Not archived: ${broken.sid}`);
  const sids = archived.map(({ sid }) => sid);
  expect(sids).toContain(whole.sid);
  expect(sids.filter((sid) => openedSids.has(sid))).toEqual([]);

  const file = join(to, `${whole.sid}.pizzapi`);
  const unknown = runMaintenance({ command: 'open', file, userId: 'lee@example.com' }, store, context);
  await expect(unknown).rejects.toMatchObject({ code: 'user_not_found' });
  const list = runMaintenance(
    { command: 'restore', from: to, verify: false, tombstones: join(to, 'none') },
    store,
    context,
  );
  await expect(list).rejects.toMatchObject({ code: 'file_not_found' });
});

it('a session that a host resumed while it was archived is not erased, because the archive lacks what it did', async () => {
  const { sid, rid, userId } = await sessionWith('resumed', 'kim');
  const out = createWriteStream(join(folder, 'resumed'));
  const archived = await archiveSession(s.admin, sid, { sink: streamSink(out), product: '0', wire: 1 });
  await new Promise<void>((resolve) => out.end(resolve));
  await claimSession(s.admin, { sid, userId, runnerId: rid });
  await expect(eraseArchived(s.admin, sid, archived)).rejects.toMatchObject({ code: 'session_running' });
  // Also when the command that asked died before it wrote the tombstone.
  await erasingRows(s.admin).create(`${ERASING_PREFIX}${userId}.${sid}`, {
    ...{ at: Date.now(), why: 'archived', epoch: archived.epoch },
  });
  await isOver();
  expect((await ownerOf(gateway, sid))?.erasedAt).toBeUndefined();
  expect((await headOf(gateway, sid)).last).toBe(archived.last);
});

it('the log of a session that was not erased is read as before', async () => {
  const { sid } = await sessionWith('kept', 'gus');
  let events = 0;
  for await (const batch of replay(gateway, sid)) events += batch.length;
  expect(events).toBe(4);
});
