import {
  AUDIT_STREAM,
  BlobStore,
  bucket,
  claimGrant,
  claimSession,
  connectBackbone,
  consumeStream,
  headOf,
  holdLease,
  lastEvent,
  openWriter,
  publishAudit,
  publishRunnerEvent,
  readCommands,
  readLease,
  reauthenticate,
  replay,
  requestRpc,
  RUNNERS_STREAM,
  sendCommand,
  serveRpc,
  SESSIONS_STREAM,
  streamHead,
  tail,
  verifyProvisioned,
  watchLeases,
  type Backbone,
  type BackboneOptions,
} from '@pizzapi/backbone';
import { silentLogger } from '@pizzapi/process';
import { decode, encode, natsUserOf, newId, runnerPassword, subjects, type HostLogin } from '@pizzapi/protocol';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSecuredNats, type SecuredNats } from './testing/index.js';

/** What everybody does in the life of a session, each with no more rights than its own: nothing may be refused. */
let s: SecuredNats;
let folder: string;
const complaints: unknown[] = [];
const open: Backbone[] = [];
const log: NonNullable<BackboneOptions['log']> = {
  ...silentLogger,
  warn: (facts, text) => void (/could be lost/.test(text) || complaints.push({ text, ...facts })),
  error: (facts, text) => void complaints.push({ text, ...facts }),
  child: () => log,
};
beforeAll(async () => {
  s = await startSecuredNats();
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-life-'));
});
afterEach(() => expect(complaints.splice(0)).toEqual([]));
afterAll(async () => {
  await Promise.all(open.map((b) => b.close()));
  await s.stop();
  await rm(folder, { recursive: true, force: true });
});

async function connectHost(login: HostLogin, password: string): Promise<Backbone> {
  const b = await connectBackbone({ url: s.url, name: natsUserOf(login), host: login, password, log });
  open.push(b);
  return b;
}

async function runnerOf(userId: string): Promise<{ rid: string; password: string; b: Backbone }> {
  const rid = newId('r');
  const password = runnerPassword(await s.newRunnerToken(userId), 'a-secret-of-this-host');
  return { rid, password, b: await connectHost({ kind: 'runner', rid }, password) };
}

const command = (commandId: string, sid: string) => ({
  commandId,
  name: 'abort' as const,
  sessionId: sid,
  args: {},
  by: { userId: 'ann', via: 'owner' as const },
  at: 0,
  expiresAt: Date.now() + 60_000,
});

describe('between a gateway and a daemon', () => {
  it('commands, questions, events and leases go to and fro', async () => {
    const gateway = await s.connectAs('gateway', { log });
    const { rid, b } = await runnerOf('ann');
    const end = serveRpc(b, subjects.runnerRpc(rid, 'folders'), () => encode(['/home']));
    const lease = await holdLease(b, `runner.${rid}`, { epoch: 1 });
    expect(lease.kind).toBe('held');
    expect((await readLease(gateway, `runner.${rid}`))?.epoch).toBe(1);

    const stop = new AbortController();
    const heard = new Promise<string>((resolve) => {
      void readCommands(b, rid, {
        after: 0,
        signal: stop.signal,
        onCommand: ({ commandId }) => resolve(commandId),
        onPoison: () => resolve('poison'),
      });
    });
    expect(await sendCommand(gateway, rid, command('c1', 's'))).toMatchObject({ kind: 'stored' });
    expect(await heard).toBe('c1');
    stop.abort();

    const answer = await requestRpc(gateway, subjects.runnerRpc(rid, 'folders'), encode({}), { timeoutMs: 5_000 });
    expect(answer.kind === 'ok' && decode(answer.body)).toEqual(['/home']);
    end();

    expect(await publishRunnerEvent(b, rid, { type: 'runner_stopped', at: 1, reason: 'test' } as never)).toMatchObject({
      kind: 'stored',
    });
    expect(await streamHead(gateway, RUNNERS_STREAM)).toBeGreaterThan(0);
    if (lease.kind === 'held') await lease.lease.release();
  });
});

describe('between a worker and a gateway', () => {
  it('events, pieces and the open message go to who watches', async () => {
    const gateway = await s.connectAs('gateway', { log });
    const { rid, b } = await runnerOf('ann');
    const sid = newId('s');
    const grant = await claimGrant(b, { kind: 'runner', rid, sid });
    if (grant.kind !== 'granted') throw new Error(grant.code);
    const worker = await connectHost({ kind: 'session', sid }, grant.grant);
    const lease = await holdLease(worker, `session.${sid}`, { epoch: grant.epoch });
    const writer = await openWriter(worker, { sid, epoch: grant.epoch, spoolDir: folder });
    const end = serveRpc(worker, subjects.sessionPartial(sid), () => encode({ n: 1, open: [] }));
    // Answered, so that what was subscribed before it stands.
    await writer.append({ type: 'agent_start', at: 1 });
    let pieces = 0;
    const events: string[] = [];
    const live = await tail(gateway, sid, {
      after: 0,
      onEvents: (batch) => void events.push(...batch.map(({ type }) => type)),
      onDelta: () => pieces++,
    });
    await writer.append({ type: 'agent_end', at: 2 });
    writer.publishDelta({ type: 'text_delta', at: 3, messageId: 'm', index: 0, text: 'x' });
    await expect.poll(() => [events, pieces]).toEqual([['agent_start', 'agent_end'], 1]);
    const partial = await requestRpc(gateway, subjects.sessionPartial(sid), new Uint8Array(0), { timeoutMs: 5_000 });
    expect(partial.kind).toBe('ok');
    end();

    let read = 0;
    for await (const batch of replay(gateway, sid)) read += batch.length;
    expect(read).toBe(2);
    expect((await headOf(gateway, sid)).last).toBe(live.position);
    const blobs = new BlobStore(gateway);
    const place = { userId: 'ann', sid };
    const stored = await blobs.put(place, Buffer.from('a picture'), 'image/png', { keep: true });
    expect((await blobs.get(place, stored.kind === 'stored' ? stored.ref.blob : ''))?.size).toBe(9);
    expect(await publishAudit(gateway, { kind: 'input', at: 1, userId: 'ann' })).toMatchObject({ kind: 'stored' });
    const rows = await streamHead(gateway, AUDIT_STREAM);
    expect(rows).toBeGreaterThan(0);
    await live.stop();
    await writer.close();
    if (lease.kind === 'held') await lease.lease.release();
  });

  it('a keeper that connects again may write what was granted meanwhile', async () => {
    const { rid, password, b } = await runnerOf('ann');
    const keeper = await connectHost({ kind: 'keeper', rid }, password);
    const sid = newId('s');
    const grant = await claimGrant(b, { kind: 'runner', rid, sid });
    if (grant.kind !== 'granted') throw new Error(grant.code);
    await reauthenticate(keeper);
    const writer = await openWriter(keeper, { sid, epoch: grant.epoch, spoolDir: folder });
    expect(await writer.append({ type: 'agent_start', at: 1 })).toMatchObject({ kind: 'appended' });
    await writer.close();
  });
});

describe('a projector', () => {
  it('reads both logs and the leases, writes projections, and ends a session whose host is gone', async () => {
    const projector = await s.connectAs('projector', { log });
    await verifyProvisioned(projector);
    const claim = await claimSession(projector, { sid: 'lost', userId: 'ann', runnerId: 'r' });
    if (claim.kind !== 'granted') throw new Error('refused');
    const leader = await holdLease(projector, 'projector', { epoch: Date.now() });
    expect(leader.kind).toBe('held');
    const writer = await openWriter(projector, { sid: 'lost', epoch: claim.epoch, spoolDir: folder });
    await writer.append({ type: 'session_ended', at: 1, reason: 'host_lost' });
    await writer.close();
    expect((await lastEvent(projector, 'lost'))?.type).toBe('session_ended');
    for (const stream of [SESSIONS_STREAM, RUNNERS_STREAM]) {
      const stop = new AbortController();
      const reading = consumeStream(projector, stream, { after: 0, signal: stop.signal, onBatch: () => stop.abort() });
      await reading;
    }
    const stop = new AbortController();
    for await (const { kind } of watchLeases(projector, '', stop.signal)) if (kind === 'ready') stop.abort();
    for (const name of ['sessions', 'session-meta', 'runners', 'projector'] as const) {
      await bucket<object>(projector, name).put('x', { x: 1 });
      await bucket<object>(projector, name).delete('x');
    }
    if (leader.kind === 'held') await leader.lease.release();
  });
});
