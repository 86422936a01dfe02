import { blobRows, BlobStore, provision, storedBytes, UNUSED_BLOB_MS } from '@pizzapi/backbone';
import { OWNER_ID, type SessionUsageReply, type UsageReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeRunner } from './testing/fakeRunner.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';

const KIB = 1024;
const LIMITS = { account: 400 * KIB, session: 200 * KIB, link: 100 * KIB };

let s: GatewayScenario;
let runner: FakeRunner;
beforeAll(async () => {
  s = await startScenario({ storage: LIMITS });
  runner = await FakeRunner.start(s.b, 'r1', s.home);
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

let made = 0;
/** A session of the owner's on the fake runner. */
async function newSession(): Promise<string> {
  const sid = `s${++made}`;
  await runner.begin(sid);
  await expect.poll(async () => (await s.fetch(`/api/sessions/${sid}`)).status).toBe(200);
  await expect
    .poll(async () =>
      ((await (await s.fetch('/api/sessions')).json()) as { sessions: { sessionId: string }[] }).sessions.some(
        ({ sessionId }) => sessionId === sid,
      ),
    )
    .toBe(true);
  return sid;
}

interface Answer {
  status: number;
  headers: Headers;
  code?: string | undefined;
  message?: string | undefined;
  body: Record<string, unknown>;
}

async function ask(path: string, init: Parameters<GatewayScenario['fetch']>[1] = {}): Promise<Answer> {
  const response = await s.fetch(path, init);
  const text = await response.text();
  const body = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
  const error = body['error'] as { code: string; message: string } | undefined;
  return { status: response.status, headers: response.headers, body, code: error?.code, message: error?.message };
}

let content = 0;
/** Other bytes each time. */
const bytes = (size: number): Buffer => Buffer.alloc(size, `${++content} `);
const upload = (sid: string, body: Buffer, more: { token?: string; url?: string; type?: string } = {}) =>
  ask(`/api/sessions/${sid}/blobs`, {
    ...{ method: 'POST', body: new Uint8Array(body), headers: { 'content-type': more.type ?? 'image/png' } },
    ...(more.token === undefined ? {} : { token: more.token }),
    ...(more.url === undefined ? {} : { url: more.url }),
  });
const remove = async (sid: string): Promise<void> => {
  for (const key of await blobRows(s.b).keys(`${OWNER_ID}.${sid}.`)) await blobRows(s.b).delete(key);
  // In place of the authenticator, which removes and gives back: see its own tests.
  const { usage } = new BlobStore(s.b);
  const used = (await usage.sessionsOf(OWNER_ID)).get(sid) ?? 0;
  await usage.giveBack({ userId: OWNER_ID, sid }, used);
};
const input = (sid: string, json: object, token?: string) =>
  ask(`/api/sessions/${sid}/input`, { method: 'POST', json, ...(token === undefined ? {} : { token }) });

describe('what is uploaded', () => {
  it('ends where the session may store no more, with what is used and what to do', async () => {
    const sid = await newSession();
    expect((await upload(sid, bytes(150 * KIB))).status).toBe(201);
    const full = await upload(sid, bytes(60 * KIB));
    expect(full).toMatchObject({ status: 507, code: 'storage_full' });
    expect(full.message).toMatch(
      /^This session holds 150(\.\d)? KiB of at most 200 KiB; 60 KiB more were requested\. Delete unused sessions/,
    );
    expect((await upload(sid, bytes(40 * KIB))).status).toBe(201);
    const inline = await input(sid, {
      text: 'x',
      attachments: [{ mediaType: 'x/y', data: bytes(30 * KIB).toString('base64') }],
    });
    expect(inline).toMatchObject({ status: 507, code: 'storage_full' });
    await remove(sid);
  });

  it('by a link ends where the link may bring no more; a guest is told nothing of the account', async () => {
    const [sid, other] = [await newSession(), await newSession()];
    const { token } = await share(s, sid, 'collab');
    expect((await upload(sid, bytes(90 * KIB), { token })).status).toBe(201);
    const full = await upload(sid, bytes(20 * KIB), { token });
    expect(full).toMatchObject({ status: 507, code: 'storage_full' });
    expect(full.message).toMatch(/^The files stored through this link use 90 KiB of at most 100 KiB/);
    // The owner has room, and so does another link.
    expect((await upload(sid, bytes(20 * KIB))).status).toBe(201);
    const second = await share(s, sid, 'collab');
    expect((await upload(sid, bytes(20 * KIB), { token: second.token })).status).toBe(201);

    const { uses } = (await ask(`/api/sessions/${sid}/usage`, { token })).body as unknown as SessionUsageReply;
    expect(uses).toEqual([
      { of: 'link', used: 90 * KIB, limit: LIMITS.link },
      { of: 'session', used: 130 * KIB, limit: LIMITS.session },
    ]);
    expect((await ask('/api/usage', { token })).status).toBe(403);
    expect((await ask(`/api/sessions/${other}/usage`, { token })).status).toBe(403);

    for (const size of [190, 78])
      expect((await upload(other, bytes(size * KIB))).status).toBe(size === 190 ? 201 : 507);
    const third = await newSession();
    await upload(third, bytes(70 * KIB));
    const refused = await upload(sid, bytes(40 * KIB), { token: second.token });
    expect(refused).toMatchObject({ status: 507, code: 'storage_full' });
    expect(refused.message).toMatch(/^The account of this session has no storage left/);
    expect(refused.message).not.toMatch(/KiB/);
    for (const each of [sid, other, third]) await remove(each);
  });

  it('is never more than may be, however many send it through however many gateways', async () => {
    const { url } = await s.start();
    const sids = await Promise.all([newSession(), newSession(), newSession()]);
    for (const sid of sids)
      await expect.poll(async () => (await s.fetch(`/api/sessions/${sid}`, { url })).status).toBe(200);
    const answers = await Promise.all(
      Array.from({ length: 36 }, (_, i) => upload(sids[i % 3]!, bytes(30 * KIB), { url: i % 2 === 0 ? url : s.url })),
    );
    const stored = answers.filter(({ status }) => status === 201).length;
    expect(stored * 30).toBeLessThanOrEqual(400);
    expect(stored).toBeGreaterThanOrEqual(12);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 507]));
    const { uses } = (await ask('/api/usage')).body as unknown as UsageReply;
    expect(uses.find(({ of }) => of === 'account')?.used).toBeGreaterThanOrEqual(stored * 30 * KIB);
    for (const sid of sids) await remove(sid);
  });

  it('goes after a day, unless an input takes it up', async () => {
    const sid = await newSession();
    const refs = await Promise.all([1, 2].map(async () => (await upload(sid, bytes(100))).body));
    const row = async ({ blob }: Record<string, unknown>) =>
      (await blobRows(s.b).get(`${OWNER_ID}.${sid}.${String(blob)}`))!.value;
    for (const ref of refs)
      expect(Math.abs((await row(ref)).until! - Date.now() - UNUSED_BLOB_MS)).toBeLessThan(60_000);
    expect((await input(sid, { text: 'see', attachments: [refs[0]!] })).status).toBe(202);
    expect((await row(refs[0]!)).until).toBeUndefined();
    expect((await row(refs[1]!)).until).toBeDefined();
    // The same as a command, which is another way to say it.
    const args = { text: 'see', attachments: [refs[1]!] };
    const sent = await ask(`/api/sessions/${sid}/commands`, { method: 'POST', json: { name: 'input', args } });
    expect(sent.status).toBe(202);
    expect((await row(refs[1]!)).until).toBeUndefined();
    await remove(sid);
  });

  it('of another session may be attached by the owner, who then has it twice, and by no guest', async () => {
    const [first, second] = [await newSession(), await newSession()];
    const { body: ref } = await upload(first, bytes(1_000), { type: 'text/plain' });
    const { token } = await share(s, second, 'collab');
    const path = `/api/sessions/${second}/blobs/${String(ref['blob'])}`;
    expect(await input(second, { text: 'x', attachments: [ref] }, token)).toMatchObject({
      status: 404,
      code: 'blob_not_found',
    });
    expect((await ask(path, { token })).status).toBe(404);
    const lying = { ...ref, size: 5 };
    expect((await input(second, { text: 'x', attachments: [lying] })).status).toBe(202);
    expect((await ask(path, { token })).status).toBe(200);
    // What it measures, the store says.
    await expect
      .poll(() => runner.commands.findLast(({ sessionId }) => sessionId === second))
      .toMatchObject({ name: 'input', args: { attachments: [{ blob: ref['blob'], size: 1_000 }] } });
    for (const sid of [first, second]) await remove(sid);
  });

  it('comes to a session that is about to begin, and goes with one that never does', async () => {
    const file = bytes(2_000);
    const json = {
      model: 'demo/demo',
      cwd: '/',
      attachments: [{ mediaType: 'image/png', data: file.toString('base64') }],
    };
    const begun = await ask('/api/sessions', { method: 'POST', json });
    expect(begun.status).toBe(201);
    const sid = String(begun.body['sessionId']);
    const rows = await blobRows(s.b).all(`${OWNER_ID}.${sid}.`);
    expect([...rows.values()]).toMatchObject([{ size: 2_000, mediaType: 'image/png' }]);
    expect([...rows.values()][0]!.until).toBeUndefined();
    await remove(sid);
  });
});

describe('one account', () => {
  it('has no say in what another’s files are, though they are the same', async () => {
    const [ann, bob] = [await s.person('Ann'), await s.person('Bob')];
    for (const [sid, person] of [
      ['of-ann', ann],
      ['of-bob', bob],
    ] as const)
      await s.writer(sid, person);
    const picture = bytes(500);
    const { token } = ann;
    expect((await upload('of-ann', picture, { token, type: 'text/html' })).body).toMatchObject({
      mediaType: 'text/html',
    });
    const { body } = await upload('of-bob', picture, { token: bob.token, type: 'image/png' });
    expect(body).toMatchObject({ mediaType: 'image/png' });
    const typeOf = async (sid: string, of: { token: string }) =>
      (await ask(`/api/sessions/${sid}/blobs/${String(body['blob'])}`, { token: of.token })).headers.get(
        'content-type',
      );
    expect(await typeOf('of-bob', bob)).toBe('image/png');
    expect(await typeOf('of-ann', ann)).toMatch(/^text\/plain/);
  });

  it('is told what it stores, the largest first, and an admin how full the relay is', async () => {
    const eve = await s.person('Eve');
    for (const sid of ['small', 'large']) await s.writer(sid, eve);
    const { token } = eve;
    await upload('small', bytes(10 * KIB), { token });
    await upload('large', bytes(50 * KIB), { token });
    const { uses, sessions } = (await ask('/api/usage', { token })).body as unknown as UsageReply;
    expect(uses).toEqual([{ of: 'account', used: 60 * KIB, limit: LIMITS.account }]);
    expect(sessions.map(({ sessionId, files }) => [sessionId, files])).toEqual([
      ['large', 50 * KIB],
      ['small', 10 * KIB],
    ]);
    const admins = (await ask('/api/usage')).body as unknown as UsageReply;
    expect(admins.uses.map(({ of }) => of)).toEqual(['account', 'log_of_relay', 'files_of_relay']);
    expect(admins.uses.every(({ used }) => used >= 0)).toBe(true);
  });
});

describe('a session whose log has no room', () => {
  it('takes no input and no file, but is stopped, answered and deleted as ever', async () => {
    const sid = await newSession();
    const { token } = await share(s, sid, 'collab');
    await runner.project(sid, { state: 'idle' }, LIMITS.session + 1);
    await expect.poll(async () => (await input(sid, { text: 'go on' })).code).toBe('storage_full');
    expect(await input(sid, { text: 'go on' }, token)).toMatchObject({ status: 507, code: 'storage_full' });
    expect(await upload(sid, bytes(10))).toMatchObject({ status: 507, code: 'storage_full' });
    const client = await s.connect(sid);
    client.send({ type: 'input', ref: 'r', text: 'go on' });
    expect(await client.heard('error')).toMatchObject({ ref: 'r', code: 'storage_full' });
    const { uses } = (await ask(`/api/sessions/${sid}/usage`)).body as unknown as SessionUsageReply;
    expect(uses).toContainEqual({ of: 'session', used: LIMITS.session + 1, limit: LIMITS.session });
    const { status } = await ask(`/api/sessions/${sid}/commands`, { method: 'POST', json: { name: 'abort' } });
    expect(status).toBe(202);
    expect((await ask(`/api/sessions/${sid}`, { method: 'DELETE' })).status).toBe(204);
    const after = (await ask('/api/usage')).body as unknown as UsageReply;
    expect(after.sessions.some(({ sessionId }) => sessionId === sid)).toBe(false);
  });

  it('nor does any, where the log of all has no room; who may know is told how full that is', async () => {
    const sid = await newSession();
    const { url } = await s.start();
    const { used } = (await storedBytes(s.b)).log;
    await provision(s.b, { maxBytes: used + 1_000 });
    const say = () => ask(`/api/sessions/${sid}/input`, { method: 'POST', json: { text: 'go on' }, url });
    await expect.poll(async () => (await s.fetch(`/api/sessions/${sid}`, { url })).status).toBe(200);
    const refused = await say();
    expect(refused).toMatchObject({ status: 507, code: 'storage_full' });
    expect(refused.message).toMatch(/^This gateway has no storage left\./);
    const { uses } = (await ask(`/api/sessions/${sid}/usage`, { url })).body as unknown as SessionUsageReply;
    expect(uses).toContainEqual({ of: 'log_of_relay', used: expect.any(Number) as number, limit: used + 1_000 });
    await provision(s.b, { maxBytes: -1 });
    await expect.poll(async () => (await say()).status).toBe(202);
  });

  it('an account whose logs have no room starts no session', async () => {
    const sids = [await newSession(), await newSession()];
    for (const sid of sids) await runner.project(sid, { state: 'idle' }, LIMITS.account / 2);
    const start = () => ask('/api/sessions', { method: 'POST', json: { model: 'demo/demo', cwd: '/' } });
    await expect.poll(async () => (await start()).code).toBe('storage_full');
    for (const sid of sids) await ask(`/api/sessions/${sid}`, { method: 'DELETE' });
    await expect.poll(async () => (await start()).status).toBe(201);
  });
});
