import {
  bucket,
  claimGrant,
  getBlobVia,
  hasResult,
  idsAfter,
  linkModes,
  shareLinkStateOf,
  openWriter,
  putBlobVia,
  relayVersion,
  requestRpc,
  seqBefore,
  type Backbone,
} from '@pizzapi/backbone';
import {
  decode,
  HOST_API_PART_BYTES,
  hostApiSubjects,
  encode,
  inboxPrefixOf,
  natsUserOf,
  newId,
  runnerPassword,
  type ShareRow,
} from '@pizzapi/protocol';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSecuredNats, talk, TestHosts, type SecuredNats, type TestRunner } from './testing/index.js';

/** Long enough for any answer. */
const ANSWER_MS = 20_000;

let s: SecuredNats;
let folder: string;
let hosts: TestHosts;
beforeAll(async () => {
  s = await startSecuredNats();
  hosts = new TestHosts(s);
  // Parts of one blob, and requests of one host, reach either of the two.
  await s.addAuthenticator();
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-host-api-'));
});
afterAll(async () => {
  await hosts.close();
  await s.stop();
  await rm(folder, { recursive: true, force: true });
});

const runnerOf = (userId: string) => hosts.runner(userId);
const sessionOf = (runner: TestRunner) => hosts.session(runner);

describe('a session is granted', () => {
  it('to the runner that asks, and lets its worker write it and nothing else', async () => {
    const runner = await runnerOf('ann');
    const { sid, epoch, worker } = await sessionOf(runner);
    const writer = await openWriter(worker, { sid, epoch, spoolDir: folder });
    expect(await writer.append({ type: 'agent_start', at: 1 })).toMatchObject({ kind: 'appended', n: 1 });
    expect((await bucket<{ userId: string }>(s.admin, 'owners').get(sid))?.value).toEqual({
      userId: 'ann',
      runnerId: runner.rid,
    });
    await writer.close();
  });

  it('again, with a higher epoch, also to its worker', async () => {
    const runner = await runnerOf('ann');
    const { sid, epoch, worker, caller } = await sessionOf(runner);
    const again = await claimGrant(worker, caller);
    const third = await claimGrant(runner.b, runner.of(sid));
    expect(again).toMatchObject({ kind: 'granted', userId: 'ann' });
    expect(third).toMatchObject({ kind: 'granted', userId: 'ann' });
    const epochs = [epoch, ...[again, third].map((grant) => (grant.kind === 'granted' ? grant.epoch : 0))];
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
    expect(new Set(epochs).size).toBe(3);
  });

  it('to no runner whose token does not allow sessions, which is told what it allows', async () => {
    const { b, rid, of } = await hosts.runner('ann', { allow: ['files:read'] });
    expect(await relayVersion(b, rid)).toMatchObject({ allow: ['files:read'] });
    const refused = { kind: 'refused', code: 'right_missing' };
    expect(await claimGrant(b, of(newId('s')))).toMatchObject(refused);
    // Nor a session that another runner of the account has left, nor one of another account.
    for (const userId of ['ann', 'bob']) {
      const { sid } = await sessionOf(await runnerOf(userId));
      expect(await claimGrant(b, of(sid))).toMatchObject(refused);
      expect((await bucket<{ runnerId: string }>(s.admin, 'owners').get(sid))?.value.runnerId).not.toBe(rid);
    }
    const other = await runnerOf('ann');
    expect(await relayVersion(other.b, other.rid)).not.toHaveProperty('allow');
  });

  it('to one of two runners of an account that ask for it; never to another account', async () => {
    const [first, second, stranger] = [await runnerOf('ann'), await runnerOf('ann'), await runnerOf('bob')];
    const { sid } = await sessionOf(first);
    await bucket(s.admin, 'leases').put(`session.${sid}`, { epoch: 1, at: Date.now() });
    expect(await claimGrant(second.b, second.of(sid))).toMatchObject({ kind: 'refused', code: 'fenced' });
    const unknown = await claimGrant(stranger.b, stranger.of(sid));
    expect(unknown).toMatchObject({ kind: 'refused', code: 'session_not_found' });
  });
});

describe('a host asks about its own session', () => {
  it('what the log holds of it', async () => {
    const runner = await runnerOf('ann');
    const { sid, epoch, worker, caller } = await sessionOf(runner);
    const writer = await openWriter(worker, { sid, epoch, spoolDir: folder });
    const seqs: number[] = [];
    const append = async (event: { type: string; [field: string]: unknown }) => {
      const outcome = await writer.append({ at: 1, ...event });
      if (outcome.kind === 'appended') seqs.push(outcome.seq);
    };
    await append({ type: 'agent_start' });
    await append({ type: 'command_result', commandId: 'c1', ok: true });
    await append({ type: 'message_start', messageId: 'm', role: 'user' });
    await append({ type: 'message_end', messageId: 'm', entryId: 'e1', message: {} });
    expect(await hasResult(worker, caller, 'c1')).toBe(true);
    expect(await hasResult(runner.b, runner.of(sid), 'c2')).toBe(false);
    expect(await seqBefore(worker, caller, 'e1')).toBe(seqs[1]);
    expect(await seqBefore(worker, caller, 'e2')).toBeUndefined();
    expect(await idsAfter(worker, caller, seqs[1]!)).toEqual([`${sid}.${epoch}.3`, `${sid}.${epoch}.4`]);
    await writer.close();
  });

  it('and gets no other answer about another’s than about one that does not exist', async () => {
    const [ann, bob] = [await runnerOf('ann'), await runnerOf('bob')];
    const { sid, worker } = await sessionOf(ann);
    const about = async (id: string): Promise<unknown> =>
      hasResult(bob.b, bob.of(id), 'c1').catch((error: unknown) => (error as Error).message);
    expect(await about(sid)).toEqual(await about('none'));
    const named = await requestRpc(worker, hostApiSubjects.session(sid), encode({ verb: 'claim', sid: 'other' }), {
      timeoutMs: ANSWER_MS,
    });
    expect(named.kind === 'ok' && decode(named.body)).toMatchObject({ kind: 'refused', code: 'session_not_found' });
  });
});

describe('a host asks about the links of guests', () => {
  const link = async (shareId: string, userId: string, more: Partial<ShareRow> = {}) => {
    const row = { shareId, sessionId: 's', userId, mode: 'collab', createdAt: 1, expiresAt: Date.now() + 60_000 };
    await bucket<object>(s.admin, 'shares').put(`s.${shareId}`, { ...row, ...more });
    return { shareId, sessionId: 's' };
  };

  it('of its account, and is told of others what it is told of none', async () => {
    const { worker, caller } = await sessionOf(await runnerOf('ann'));
    const links = [
      await link('a1', 'ann'),
      await link('a2', 'ann', { mode: 'approve' }),
      await link('a3', 'ann', { mode: 'read' }),
      await link('a4', 'ann', { revokedAt: 2 }),
      await link('a5', 'ann', { expiresAt: 2 }),
      await link('b1', 'bob'),
      { shareId: 'none', sessionId: 's' },
    ];
    expect(await linkModes(worker, caller, links)).toEqual([
      ...['collab', 'approve', 'restricted', 'revoked', 'expired', 'revoked', 'revoked'],
    ]);
    await bucket<object>(s.admin, 'accounts').put('user.cy', {
      ...{ userId: 'cy', name: 'Cy', role: 'member', createdAt: 1, disabledAt: 2 },
    });
    const cys = { b: s.admin, of: [await link('c1', 'cy')] };
    expect(await shareLinkStateOf(cys.b, cys.of[0]!, 'cy', Date.now())).toEqual({ kind: 'over', why: 'disabled' });
  });
});

describe('a blob', () => {
  const large = Buffer.alloc(HOST_API_PART_BYTES * 2 + 1_000, 'pizza');

  it('goes part by part, whichever authenticator each part reaches, and comes back the same', async () => {
    const { worker, caller } = await sessionOf(await runnerOf('ann'));
    for (const bytes of [Buffer.from('small'), large]) {
      const ref = await putBlobVia(worker, caller, bytes, 'text/plain');
      expect(ref).toMatchObject({ size: bytes.byteLength, mediaType: 'text/plain' });
      const found = await getBlobVia(worker, caller, ref.blob);
      expect(found?.mediaType).toBe('text/plain');
      expect(bytes.equals(found!.bytes)).toBe(true);
    }
  });

  it('of another account is not there, although its hash is known', async () => {
    const ann = await sessionOf(await runnerOf('ann'));
    const bob = await sessionOf(await runnerOf('bob'));
    const { blob } = await putBlobVia(ann.worker, ann.caller, Buffer.from('of ann'), 'text/plain');
    expect(await getBlobVia(bob.worker, bob.caller, blob)).toBeUndefined();
    await putBlobVia(bob.worker, bob.caller, Buffer.from('of ann'), 'text/plain');
    expect(await getBlobVia(bob.worker, bob.caller, blob)).toBeDefined();
  });

  it('is not stored under another hash, too large, in odd parts, or with a part missing', async () => {
    const { sid, worker } = await sessionOf(await runnerOf('ann'));
    const put = async (fields: object): Promise<unknown> => {
      const question = { verb: 'put_blob', blob: 'a'.repeat(64), mediaType: 'x/y', ...fields };
      const outcome = await requestRpc(worker, hostApiSubjects.session(sid), encode(question), {
        timeoutMs: ANSWER_MS,
      });
      return outcome.kind === 'ok' ? decode(outcome.body) : outcome.kind;
    };
    const bytes = Buffer.from('bytes');
    expect(await put({ size: 5, offset: 0, bytes })).toMatchObject({ kind: 'refused', code: 'bad_request' });
    expect(await put({ size: 1e9, offset: 0, bytes })).toMatchObject({ code: 'body_too_large' });
    expect(await put({ size: 50, offset: 0, bytes })).toMatchObject({ code: 'bad_request' });
    expect(await put({ size: 8, offset: 3, bytes })).toMatchObject({ code: 'bad_request' });
    expect(await put({ size: 5, offset: 0, bytes: 'text' })).toMatchObject({ code: 'bad_request' });
    const last = { size: HOST_API_PART_BYTES + 5, offset: HOST_API_PART_BYTES, bytes };
    expect(await put(last)).toMatchObject({ kind: 'refused', code: 'blob_not_found' });
  });
});

describe('a log', () => {
  it('is deleted for gateways, and for nobody else', async () => {
    const runner = await runnerOf('ann');
    const { sid, epoch, worker } = await sessionOf(runner);
    const writer = await openWriter(worker, { sid, epoch, spoolDir: folder });
    await writer.append({ type: 'agent_start', at: 1 });
    await writer.close();
    const ask = async (b: Backbone, timeoutMs: number): Promise<unknown> => {
      const outcome = await requestRpc(b, hostApiSubjects.purge, encode({ sid }), { timeoutMs });
      return outcome.kind === 'ok' ? decode(outcome.body) : outcome.kind;
    };
    expect(await ask(worker, 1_000)).toBe('timeout');
    expect(await ask(await s.connectAs('gateway'), ANSWER_MS)).toEqual({ kind: 'answer', purged: 1 });
  });
});

it('an answer goes to an inbox and nowhere else, whatever a host asks for', async () => {
  const rid = newId('r');
  const password = runnerPassword(await s.newRunnerToken('ann'), 'a-secret-of-this-host');
  const client = await talk(s.nats.port, { user: natsUserOf({ kind: 'runner', rid }), pass: password });
  const body = Buffer.from(encode({ verb: 'claim', sid: 'mine' })).toString('latin1');
  const inbox = `${inboxPrefixOf({ kind: 'runner', rid })}.1`;
  await client.say(`SUB ${inbox} 1`);
  const ask = (reply: string) => client.say(`PUB ${hostApiSubjects.runner(rid)} ${reply} ${body.length}\r\n${body}`);
  await ask('session.victim.events');
  await ask('$KV.leases.session.victim');
  await ask(inbox);
  // With its payload, which may come in a packet of its own.
  expect(await client.until(/MSG \S+ 1 [\d ]+\r\n[^]*\r\n/)).toContain('granted');
  const filter = Buffer.from(JSON.stringify({ subjects_filter: 'session.victim.events' }));
  const info = await requestRpc(s.admin, '$JS.API.STREAM.INFO.SESSIONS', filter, { timeoutMs: ANSWER_MS });
  const { state } = JSON.parse(info.kind === 'ok' ? Buffer.from(info.body).toString() : '{}') as {
    state: { subjects?: object };
  };
  expect(state.subjects).toBeUndefined();
  client.close();
});
