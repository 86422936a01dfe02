import { blobRows, BlobStore, putBlobVia, type Backbone } from '@pizzapi/backbone';
import { OWNER_ID, type BlobRef, type UsageReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { connectTo } from '../support/log.js';
import { until } from '../support/until.js';
import { newSession, watch } from '../support/viewer.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { hostSession, startHost, untilKnown, type Host, type HostedSession } from './support/hosts.js';
import { ask, type HttpAnswer } from './support/http.js';
import { newKey, newShare, settleOwner, signUp, type Person } from './support/people.js';
import { join } from './support/socket.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const LIMITS = { account: 6 * MIB, session: 4 * MIB, link: 1 * MIB };
const RATES = { account: 400, link: 12, address: 10_000 };

let stage: LocalStack;
let other: OneMoreGateway;
let admin: Backbone;
let ada: Person;
let eve: Person;
const hosts: Record<'ada' | 'eve', Host> = {} as Record<'ada' | 'eve', Host>;

beforeAll(async () => {
  stage = await startLocalStack({
    PIZZAPI_SIGNUP: 'open',
    PIZZAPI_ACCOUNT_STORAGE: '6 MiB',
    PIZZAPI_SESSION_STORAGE: '4 MiB',
    PIZZAPI_LINK_STORAGE: '1 MiB',
    PIZZAPI_ACCOUNT_RATE: String(RATES.account),
    PIZZAPI_LINK_RATE: String(RATES.link),
    PIZZAPI_ADDRESS_RATE: String(RATES.address),
  });
  other = await startGateway(stage, { storage: LIMITS, rates: RATES });
  admin = await connectTo(stage, 'admin');
  ada = await settleOwner(stage);
  eve = await signUp(stage, 'Eve');
  for (const [name, person] of [
    ['ada', ada],
    ['eve', eve],
  ] as const) {
    const { token } = await newKey(stage, person, { name: 'host', kind: 'runner' });
    hosts[name] = await startHost(stage, `host-of-${name}`, token);
  }
});
afterAll(async () => {
  for (const host of Object.values(hosts)) await host.close();
  await admin?.close();
  await other?.stop();
  await stage?.clear();
});

let sessions = 0;
/** A session on a host of somebody's, which no agent runs in. */
async function session(of: 'ada' | 'eve'): Promise<HostedSession> {
  const hosted = await hostSession(stage, hosts[of], `session-${++sessions}`);
  for (const url of [stage.url, other.url]) await untilKnown({ url }, (of === 'ada' ? ada : eve).token, hosted.sid);
  return hosted;
}

/** Deletes a session as a person does, once its host has left, and waits until its account has the storage back. */
async function remove(hosted: HostedSession, person: Person): Promise<void> {
  await hosted.close();
  const path = `/api/sessions/${hosted.sid}`;
  await until(
    `${hosted.sid} is deleted`,
    async () => (await ask(stage.url, path, { bearer: person.token, method: 'DELETE' })).status === 204,
  );
  await until(`the files of ${hosted.sid} are removed`, async () => {
    const rows = [...(await blobRows(admin).all(`${person.userId}.`)).keys()];
    return !rows.some((key) => key.split('.').includes(hosted.sid));
  });
}

let content = 0;
/** Other bytes each time. */
const bytes = (size: number): Buffer => Buffer.alloc(size, `${++content} `);
const upload = (
  sid: string,
  bearer: string,
  body: Buffer,
  { type = 'image/png', url = stage.url } = {},
): Promise<HttpAnswer> => ask(url, `/api/sessions/${sid}/blobs`, { bearer, body, headers: { 'content-type': type } });
const refOf = ({ json }: HttpAnswer): BlobRef => json as BlobRef;
const put = (hosted: HostedSession, body: Buffer): Promise<BlobRef> =>
  putBlobVia(hosted.backbone, { kind: 'session', sid: hosted.sid }, body, 'text/plain', {
    signal: AbortSignal.timeout(30_000),
  });
const usage = async ({ token }: Person): Promise<UsageReply> =>
  (await ask(stage.url, '/api/usage', { bearer: token })).json as UsageReply;
/** What an account stores of files, as it is stored: the rows of them. */
const storedBy = async (userId: string): Promise<number> =>
  [...(await blobRows(admin).all(`${userId}.`)).values()].reduce((sum, { size }) => sum + size, 0);

describe('what an account, a session and a link may store', () => {
  it('ends where it may, whoever brings it: by HTTP, inline with an input, by the host', async () => {
    const hosted = await session('eve');
    const { sid } = hosted;
    expect((await upload(sid, eve.token, bytes(2 * MIB))).status).toBe(201);
    await put(hosted, bytes(1 * MIB));
    const full = await upload(sid, eve.token, bytes(2 * MIB));
    expect(full).toMatchObject({ status: 507, code: 'storage_full' });
    expect(full.text).toMatch(
      /This session holds 3(\.\d)? MiB of at most 4 MiB; 2 MiB more were requested\. Delete unused sessions/,
    );
    await expect(put(hosted, bytes(2 * MIB))).rejects.toMatchObject({
      code: 'storage_full',
      message: expect.stringMatching(/^This session holds 3 MiB of at most 4 MiB/) as string,
    });
    const attachments = [{ mediaType: 'x/y', data: bytes(1.5 * MIB).toString('base64') }];
    const inline = await ask(stage.url, `/api/sessions/${sid}/input`, {
      bearer: eve.token,
      json: { text: 'see', attachments },
    });
    expect(inline).toMatchObject({ status: 507, code: 'storage_full' });
    expect(await storedBy(eve.userId)).toBe(3 * MIB);

    const second = await session('eve');
    await put(second, bytes(2.5 * MIB));
    expect(await upload(second.sid, eve.token, bytes(1 * MIB))).toMatchObject({ status: 507, code: 'storage_full' });
    // Others have room.
    const adas = await session('ada');
    expect((await upload(adas.sid, ada.token, bytes(1 * MIB))).status).toBe(201);
    for (const each of [hosted, second]) await remove(each, eve);
    await remove(adas, ada);
  });

  it('of a link, is the link’s; its guest is told no number of the account', async () => {
    const hosted = await session('eve');
    const { sid } = hosted;
    const link = await newShare(stage, eve.token, sid, { mode: 'collab' });
    expect((await upload(sid, link.token, bytes(900 * KIB))).status).toBe(201);
    const full = await upload(sid, link.token, bytes(200 * KIB));
    expect(full).toMatchObject({ status: 507, code: 'storage_full' });
    expect(full.text).toMatch(/The files stored through this link use 900 KiB of at most 1 MiB/);
    const told = await ask(stage.url, `/api/sessions/${sid}/usage`, { bearer: link.token });
    expect((told.json as UsageReply).uses.map(({ of }) => of)).toEqual(['link', 'session']);
    expect((await upload(sid, eve.token, bytes(200 * KIB))).status).toBe(201);
    await remove(hosted, eve);
  });

  it('is not passed by many who upload at once through several gateways and authenticators', async () => {
    const hosted = [await session('eve'), await session('eve')];
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const { sid } = hosted[i % 2]!;
        if (i % 5 === 0)
          return put(hosted[i % 2]!, bytes(300 * KIB)).then(
            () => 201,
            () => 507,
          );
        return (await upload(sid, eve.token, bytes(300 * KIB), { url: i % 3 === 0 ? other.url : stage.url })).status;
      }),
    );
    const stored = await storedBy(eve.userId);
    expect(stored).toBeLessThanOrEqual(LIMITS.account);
    expect(answers.filter((status) => status === 201).length * 300 * KIB).toBe(stored);
    expect(new Set(answers)).toEqual(new Set([201, 507]));
    for (const each of hosted) await remove(each, eve);
  });

  it('survives a restart of everything, and is given back when a session is deleted', async () => {
    const hosted = await session('eve');
    await put(hosted, bytes(3 * MIB));
    const filesOf = async () => (await usage(eve)).sessions.find(({ sessionId }) => sessionId === hosted.sid)?.files;
    expect(await filesOf()).toBe(3 * MIB);
    await hosted.close();
    await stage.restart();
    await untilKnown(stage, eve.token, hosted.sid);
    expect(await filesOf()).toBe(3 * MIB);
    await remove(hosted, eve);
    await until('the files are removed', async () => (await storedBy(eve.userId)) === 0);
    await until('they are given back', async () => (await usage(eve)).uses[0]!.used < 1 * MIB);
    await until('none of its sessions stores anything', async () => (await usage(eve)).sessions.length === 0);
  });
});

describe('the files of a session that is deleted', () => {
  it('are gone from the store, and of others that have the same nothing is', async () => {
    const shared = bytes(300 * KIB);
    const [evesOne, evesOther, adas] = [await session('eve'), await session('eve'), await session('ada')];
    const { blob } = await put(evesOne, shared);
    await put(evesOther, shared);
    await upload(adas.sid, ada.token, shared);
    await remove(evesOne, eve);
    const blobs = new BlobStore(admin);
    const has = async (userId: string, sid: string) => (await blobs.get({ userId, sid }, blob)) !== undefined;
    await until('they are removed', async () => !(await has(eve.userId, evesOne.sid)));
    expect([await has(eve.userId, evesOther.sid), await has(OWNER_ID, adas.sid)]).toEqual([true, true]);
    const path = (sid: string) => `/api/sessions/${sid}/blobs/${blob}`;
    expect((await ask(stage.url, path(evesOther.sid), { bearer: eve.token })).status).toBe(200);
    expect((await ask(stage.url, path(adas.sid), { bearer: ada.token })).status).toBe(200);
    await remove(evesOther, eve);
    await remove(adas, ada);
  });

  it('are not those of its forks and children: a real session, what it was forked to, and the end of the first', async () => {
    const first = await newSession(stage);
    // What is longer than the log takes comes to a blob of the session that says it.
    const long = 'long '.repeat(40 * KIB);
    const view = watch(stage, first);
    const told = await ask(stage.url, `/api/sessions/${first}/input`, { bearer: stage.token, json: { text: long } });
    expect(told.status).toBe(202);
    await view.next('agent_end');
    view.close();
    const sessionId = 'the-fork';
    const json = { name: 'fork', args: { sessionId } };
    expect((await ask(stage.url, `/api/sessions/${first}/commands`, { bearer: stage.token, json })).status).toBe(202);
    const hashesOf = async (sid: string) =>
      (await blobRows(admin).keys(`${OWNER_ID}.${sid}.`)).map((key) => key.split('.')[2]!);
    const hashes = await until('the fork has its files', async () => {
      const found = await hashesOf(sessionId);
      return found.length > 0 && found;
    });
    expect((await hashesOf(first)).some((hash) => hashes.includes(hash))).toBe(true);
    expect((await ask(stage.url, `/api/sessions/${first}`, { bearer: stage.token, method: 'DELETE' })).status).toBe(
      204,
    );
    await until('the files of the first are removed', async () => (await hashesOf(first)).length === 0);
    for (const hash of hashes) {
      const answer = await ask(stage.url, `/api/sessions/${sessionId}/blobs/${hash}`, { bearer: stage.token });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-length']).not.toBe('0');
    }
  });
});

describe('the media type of a file', () => {
  it('is what its own account says of it, whoever brought the same bytes before', async () => {
    const [evil, good] = [await session('eve'), await session('ada')];
    const picture = bytes(10 * KIB);
    await upload(evil.sid, eve.token, picture, { type: 'text/html' });
    await putBlobVia(evil.backbone, { kind: 'session', sid: evil.sid }, picture, 'text/html');
    const ref = refOf(await upload(good.sid, ada.token, picture, { type: 'image/png' }));
    expect(ref.mediaType).toBe('image/png');
    const path = (sid: string) => `/api/sessions/${sid}/blobs/${ref.blob}`;
    const shown = await ask(stage.url, path(good.sid), { bearer: ada.token });
    expect(shown.headers).toMatchObject({ 'content-type': 'image/png', 'content-disposition': 'inline' });
    const hers = await ask(stage.url, path(evil.sid), { bearer: eve.token });
    expect(hers.headers['content-disposition']).toMatch(/^attachment/);
    await remove(evil, eve);
    await remove(good, ada);
  });
});

describe('what is sent in a minute', () => {
  it('by a link is bounded, over HTTP and by frames, and says when to come back', async () => {
    const hosted = await session('eve');
    const link = await newShare(stage, eve.token, hosted.sid, { mode: 'collab' });
    const files = await Promise.all(
      Array.from({ length: RATES.link + 5 }, () => upload(hosted.sid, link.token, bytes(10))),
    );
    const refused = files.filter(({ status }) => status === 429);
    expect(files.filter(({ status }) => status === 201)).toHaveLength(RATES.link);
    expect(refused).toHaveLength(5);
    for (const { code, headers } of refused) {
      expect(code).toBe('too_many_requests');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    const socket = await join(stage.url, `/ws/sessions/${hosted.sid}`, { bearer: link.token });
    await socket.heard('hello');
    for (let i = 0; i < RATES.link + 3; i++) socket.send({ type: 'command', ref: `r${i}`, name: 'nothing' });
    const limited = () => socket.frames.filter(({ code }) => code === 'too_many_requests').map(({ ref }) => ref);
    await until('the last is answered', () => socket.frames.some(({ ref }) => ref === `r${RATES.link + 2}`));
    expect(limited()).toEqual([`r${RATES.link}`, `r${RATES.link + 1}`, `r${RATES.link + 2}`]);
    const input = await ask(stage.url, `/api/sessions/${hosted.sid}/input`, {
      bearer: link.token,
      json: { text: 'hi' },
    });
    expect(input).toMatchObject({ status: 429, code: 'too_many_requests' });
    socket.close();
    // The owner, and other links, are not held back.
    expect((await upload(hosted.sid, eve.token, bytes(10))).status).toBe(201);
    const second = await newShare(stage, eve.token, hosted.sid, { mode: 'collab' });
    expect((await upload(hosted.sid, second.token, bytes(10))).status).toBe(201);
    await remove(hosted, eve);
  });
});
