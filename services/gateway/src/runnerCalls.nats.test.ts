import { bucket, serveRpc } from '@pizzapi/backbone';
import {
  decode,
  encode,
  subjects,
  type DownloadTicketReply,
  type RpcVerb,
  type RunnerOwnerRow,
} from '@pizzapi/protocol';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunnerCalls } from './runner/runnerCalls.js';
import { ActionRates } from './session/actionRates.js';
import { askAt, Browser } from './testing/browser.js';
import { mintLinkToken } from '@pizzapi/process';
import { auditRows } from './testing/auditRows.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
let runner: FakeRunner;
/** What the runner answers to each method; a method that is not here has no answer. */
let answers: Partial<Record<RpcVerb, (request: Record<string, unknown>) => object | Promise<object>>>;
let asked: { method: string; request: Record<string, unknown> }[];
let stopServing: () => void;

function serve(): () => void {
  return serveRpc(s.b, subjects.runnerRpc('r1', '*'), async (body, subject) => {
    const method = subject.split('.').at(-1)!;
    const request = decode(body) as Record<string, unknown>;
    if (method !== 'alive') asked.push({ method, request });
    const answer = await answers[method as RpcVerb]?.(request);
    return answer === undefined ? undefined : encode(answer);
  });
}

beforeAll(async () => {
  s = await startScenario();
  runner = await FakeRunner.start(s.b, 'r1', s.home);
  await vi.waitFor(async () => {
    expect(await (await s.fetch('/api/runners/r1')).json()).toMatchObject({ runner: { online: true } });
  }, PATIENT);
});
beforeEach(() => {
  asked = [];
  answers = { status: () => ({}), alive: () => ({ known: true }) };
  stopServing = serve();
  return () => stopServing();
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

async function call(method: string, request: object = {}, init: RequestInit & { token?: string } = {}) {
  const response = await s.fetch(`/api/runners/r1/rpc/${method}`, { method: 'POST', json: request, ...init });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const failure = (status: number, code: string) => ({ status, body: { error: { code } } });

describe('a request to a runner over HTTP', () => {
  it('passes the body on with who asks, which the client cannot set, and answers the reply', async () => {
    answers.folders = () => ({ folders: ['/work'] });
    expect(await call('folders', { path: '/w' })).toEqual({ status: 200, body: { folders: ['/work'] } });
    expect(asked).toEqual([
      { method: 'folders', request: { path: '/w', call: { id: expect.any(String) as string, userId: 'owner' } } },
    ]);
    expect(await call('folders', { call: { userId: 'mallory' } })).toMatchObject(failure(400, 'bad_request'));
    const got = await s.fetch('/api/runners/r1/folders?path=/w');
    expect(await got.json()).toEqual({ folders: ['/work'] });
  });

  it('has the error of the runner, with its details', async () => {
    answers.folders = () => ({ error: { code: 'cwd_outside_roots', message: 'No.', details: { root: '/work' } } });
    expect(await call('folders')).toEqual({
      status: 422,
      body: { error: { code: 'cwd_outside_roots', message: 'No.', details: { root: '/work' } } },
    });
  });

  it.each([
    ['a reply of another shape', { folders: 5 }],
    ['a code that does not exist', { error: { code: 'no_such_code' } }],
    ['a list', []],
  ])('with %s of the runner is answered runner_failed', async (_what, reply) => {
    answers.folders = () => reply;
    expect(await call('folders')).toMatchObject(failure(502, 'runner_failed'));
  });

  it('for a method that does not exist is answered method_unknown, without asking the runner', async () => {
    for (const method of ['no_such', 'cancel', 'alive', 'constructor', '__proto__'])
      expect(await call(method)).toMatchObject(failure(404, 'method_unknown'));
    expect(asked).toEqual([]);
  });

  it('for a method that an older runner lacks says that the runner is to be updated', async () => {
    stopServing();
    // As runners of earlier versions: each verb has a subject.
    stopServing = serveRpc(s.b, subjects.runnerRpc('r1', 'status'), () => encode({}));
    expect(await call('exec', { argv: ['true'] })).toMatchObject({
      ...{ status: 404 },
      body: { error: { code: 'method_unknown', message: expect.stringContaining('pdate the runner') as string } },
    });
  });

  it('to a host that dies meanwhile is answered host_lost within 2 s', async () => {
    answers.folders = () => new Promise(() => undefined);
    const answer = call('folders');
    await expect.poll(() => asked.length, PATIENT).toBe(1);
    const began = performance.now();
    stopServing();
    expect(await answer).toMatchObject(failure(503, 'host_lost'));
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await call('folders')).toMatchObject(failure(503, 'host_lost'));
  });

  it('to a daemon that was started anew meanwhile is answered host_lost', async () => {
    answers.folders = () => new Promise(() => undefined);
    answers.alive = () => ({ known: false });
    expect(await call('folders')).toMatchObject(failure(503, 'host_lost'));
  });

  it('to a slow host is answered rpc_timeout with the name of the method, and cancelled', async () => {
    answers.ping = () => new Promise(() => undefined);
    expect(await call('ping')).toMatchObject({
      ...{ status: 504 },
      body: { error: { code: 'rpc_timeout', message: expect.stringContaining('ping') as string } },
    });
    await expect.poll(() => asked.at(-1), PATIENT).toMatchObject({ method: 'cancel' });
  });

  it('is cancelled at the runner when its client leaves', async () => {
    answers.folders = () => new Promise(() => undefined);
    const leaving = new AbortController();
    const answer = call('folders', {}, { signal: leaving.signal });
    await expect.poll(() => asked.length, PATIENT).toBe(1);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    const { id } = asked[0]!.request['call'] as { id: string };
    await expect.poll(() => asked.at(-1), PATIENT).toEqual({ method: 'cancel', request: { callId: id } });
  });

  it('is refused while the account has too many others in flight', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    answers.folders = async () => {
      await gate;
      return { folders: [] };
    };
    // The runner may still be asked to cancel requests of the tests before, which have their places until then.
    const callWhenFree = async (): ReturnType<typeof call> => {
      const answer = await call('folders');
      return answer.status === 503 ? callWhenFree() : answer;
    };
    const many = Array.from({ length: 200 }, callWhenFree);
    await expect.poll(() => asked.filter(({ method }) => method === 'folders').length, PATIENT).toBe(200);
    expect(await call('folders')).toMatchObject(failure(503, 'rpc_busy'));
    release();
    expect(new Set((await Promise.all(many)).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await call('folders')).status).toBe(200);
  });

  it('that changes something has a row in the audit log, and one more when it failed', async () => {
    const first = (await auditRows(s)).length;
    answers.restart = () => ({});
    answers.folders = () => ({ folders: [] });
    answers.exec = () => ({ error: { code: 'exec_failed', message: 'No.' } });
    await call('restart');
    await call('folders');
    await call('exec', { argv: ['rm', '-r', 'a b'], cwd: '/work', stdin: 'c2VjcmV0', env: { KEY: 'hidden' } });
    const rows = (await auditRows(s)).slice(first);
    const row = { kind: 'runner_call', runnerId: 'r1', userId: 'owner', via: 'api', ip: expect.any(String) as string };
    const exec = { ...row, at: expect.any(Number) as number, method: 'exec', command: "rm -r 'a b'", cwd: '/work' };
    expect(rows).toEqual([
      { ...row, at: expect.any(Number) as number, method: 'restart' },
      exec,
      { ...exec, outcome: 'exec_failed' },
    ]);
  });

  it('that changes something has its row before the runner is asked, without the secrets of its command line', async () => {
    const first = (await auditRows(s)).length;
    let rows: Awaited<ReturnType<typeof auditRows>> = [];
    answers.exec = async () => {
      rows = (await auditRows(s)).slice(first);
      return { execId: `exec_${'a'.repeat(20)}`, stdout: '', stderr: '', exit: { code: 0, signal: null } };
    };
    const argv = ['curl', '-H', 'Authorization: Bearer abc.def', 'postgres://ada:hunter2@db/x', '--token', 'hunter2'];
    expect(await call('exec', { argv })).toMatchObject({ status: 200 });
    expect(rows).toMatchObject([{ kind: 'runner_call', method: 'exec' }]);
    expect(rows[0]!['command']).toMatch(/^curl -H .*postgres:/);
    expect(JSON.stringify(rows)).not.toMatch(/abc\.def|hunter2/);
  });

  it('that its caller has left takes its place until the runner was asked to cancel it', async () => {
    answers.folders = () => new Promise(() => undefined);
    const directory = { isOnline: () => true, runner: () => undefined, on: () => () => undefined };
    const calls = new RunnerCalls({ b: s.b, directory, audit: () => undefined, rates: new ActionRates() });
    const leaving = new AbortController();
    const credential = { kind: 'local', id: 'local' } as const;
    const owner = { userId: 'owner', name: 'Owner', role: 'admin', via: 'owner', credential } as const;
    const answer = calls.call(owner, 'r1', 'folders', {}, { signal: leaving.signal });
    await expect.poll(() => asked.length, PATIENT).toBe(1);
    leaving.abort();
    expect(await answer).toMatchObject({ kind: 'refused', error: { code: 'rpc_cancelled' } });
    expect(calls.inFlight).toBe(1);
    await expect.poll(() => calls.inFlight, PATIENT).toBe(0);
  });

  it('of a body that is too large or too deep is refused before the runner is asked', async () => {
    expect(await call('folders', { path: 'x'.repeat(100_000) })).toMatchObject(failure(413, 'body_too_large'));
    let deep: object = {};
    for (let at = 0; at < 200; at++) deep = { deep };
    expect(await call('folders', deep)).toMatchObject(failure(400, 'too_deep'));
    expect(asked).toEqual([]);
  });

  it('measures each hop of a ping', async () => {
    answers.ping = async () => {
      await sleep(1);
      return { at: 5, natsMs: 0.5 };
    };
    const { body } = await call('ping');
    const number = expect.any(Number) as number;
    expect(body).toEqual({ at: 5, natsMs: 0.5, gateway: { natsMs: number, runnerMs: number } });
  });

  it('is refused when the token of the runner does not allow it, and sessions too, without asking the runner', async () => {
    const owners = bucket<RunnerOwnerRow>(s.b, 'owners');
    const owner = { userId: 'owner', runnerId: 'r1', secretHash: '' };
    const key = {
      id: 'k1',
      userId: 'owner',
      kind: 'runner',
      name: 'r1',
      hint: '',
      createdAt: 1,
      allow: ['files:read'],
    };
    await bucket(s.b, 'api-keys').put('hash', key);
    await owners.put('runner.r1', { ...owner, keyHash: 'hash' });
    await expect.poll(() => call('exec', { argv: ['true'] }), PATIENT).toMatchObject(failure(403, 'right_missing'));
    asked = [];
    const spawned = await s.fetch('/api/sessions', { method: 'POST', json: { runnerId: 'r1' } });
    expect(await spawned.json()).toMatchObject({ error: { code: 'right_missing' } });
    const shown = await s.fetch('/api/runners');
    expect(await shown.json()).toMatchObject({ runners: [{ runnerId: 'r1', allow: ['files:read'] }] });
    answers.ping = () => ({ at: 1 });
    expect(await call('ping')).toMatchObject({ status: 200 });
    expect(asked.map(({ method }) => method)).toEqual(['ping']);
    await owners.put('runner.r1', owner);
    answers.folders = () => ({ folders: [] });
    await expect.poll(() => call('folders'), PATIENT).toMatchObject({ status: 200 });
  });

  it('of a guest is refused unless guests may send it, with a link that allows files, for the session of the link', async () => {
    for (const sid of ['sg1', 'sg2']) await runner.begin(sid);
    const tokenOf = async (files: boolean) => {
      const made = () => s.fetch('/api/sessions/sg1/shares', { method: 'POST', json: { mode: 'approve', files } });
      await expect.poll(async () => (await made()).status, PATIENT).toBe(201);
      return ((await (await made()).json()) as { token: string }).token;
    };
    const [token, without] = [await tokenOf(true), await tokenOf(false)];
    answers.find_paths = () => ({ found: [null] });
    const find = (request: object, init: { token: string }) => call('find_paths', { paths: ['a'], ...request }, init);
    expect(await find({ sessionId: 'sg1' }, { token })).toMatchObject({ status: 200 });
    expect(asked).toMatchObject([{ request: { sessionId: 'sg1', call: { within: 'sg1' } } }]);
    asked = [];
    for (const request of [{ sessionId: 'sg2' }, { sessionId: 'no_such' }, {}])
      expect(await find(request, { token })).toMatchObject({ status: 403 });
    expect(await find({ sessionId: 'sg1' }, { token: without })).toMatchObject({ status: 403 });
    for (const method of ['ping', 'exec', 'folders', 'restart'])
      expect(await call(method, { sessionId: 'sg1' }, { token })).toMatchObject({ status: 403 });
    const elsewhere = await s.fetch('/api/runners/r2/rpc/find_paths', {
      ...{ method: 'POST', json: { paths: ['a'], sessionId: 'sg1' }, token },
    });
    expect(elsewhere.status).toBe(403);
    expect(asked).toEqual([]);
  });
});

describe('a file of a host over HTTP', () => {
  const file = Buffer.from('0123456789');
  const about = { path: '/work/a "b".html', version: 'v1', size: 10, modified: 1, writable: true };

  beforeEach(() => {
    answers.read_file = ({ offset = 0, length = 10, ifVersion = 'v1' }) =>
      ifVersion === 'v1'
        ? {
            ...about,
            offset,
            content: file.subarray(Number(offset), Number(offset) + Number(length)).toString('base64'),
          }
        : { error: { code: 'file_changed', message: 'x' } };
  });

  it('is downloaded as an attachment that no browser shows or runs, whole or as a range', async () => {
    const whole = await s.fetch('/api/runners/r1/files?path=a');
    expect(await whole.text()).toBe('0123456789');
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-disposition': `attachment; filename="a _b_.html"; filename*=UTF-8''a%20%22b%22.html`,
      'content-type': 'application/octet-stream',
      'content-length': '10',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      etag: '"v1"',
    });
    const headers = { range: 'bytes=2-4' };
    const part = await s.fetch('/api/runners/r1/files?path=a', { headers });
    expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([206, '234', 'bytes 2-4/10']);
    const other = await s.fetch('/api/runners/r1/files?path=a', { headers: { ...headers, 'if-range': '"v0"' } });
    expect([other.status, await other.text()]).toEqual([200, '0123456789']);
    const none = await s.fetch('/api/runners/r1/files?path=a', { headers: { range: 'bytes=10-' } });
    expect([none.status, none.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    expect((await s.fetch('/api/runners/r1/files')).status).toBe(400);
    expect((await s.fetch('/api/runners/r1/files?path=a%00b')).status).toBe(400);
  });

  it('is downloaded by its address alone with a ticket, by the browser that it was made for and by no other one', async () => {
    const browser = new Browser(s.url);
    await browser.fetch('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) });
    const made = await browser.fetch('/api/runners/r1/files/tickets', { path: 'a' });
    const { ticket, expiresAt } = (await made.json()) as DownloadTicketReply;
    expect(expiresAt).toBeGreaterThan(Date.now());
    /** A browser that opens an address sends its cookie, and no header of the page. */
    const opened = (address: string, cookie: string | null = browser.cookie!) =>
      askAt(browser.page + address, { headers: new Headers(cookie === null ? {} : { cookie }) });
    const address = `/api/runners/r1/files?path=a&ticket=${ticket}`;
    const got = await opened(address);
    expect([got.status, await got.text()]).toEqual([200, '0123456789']);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-disposition': expect.stringMatching(/^attachment/) as string,
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    const other = new Browser(s.url);
    await other.fetch('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) });
    asked = [];
    for (const [refused, cookie] of [
      [address, null],
      [address, other.cookie],
      [address.replace('path=a', 'path=b')],
      [address.replace('/r1/', '/r2/')],
      [`${address}&sessionId=f1`],
      [address.slice(0, -1)],
      ['/api/runners/r1/files?path=a'],
      [`/api/runners/r1?ticket=${ticket}`],
    ] as const)
      expect((await opened(refused, cookie)).status, refused).toBe(401);
    expect(asked).toEqual([]);
    answers.read_file = () => ({ error: { code: 'file_not_found', message: 'x' } });
    expect(await browser.ask('/api/runners/r1/files/tickets', { path: 'a' })).toMatchObject({ code: 'file_not_found' });
    const { cookie } = browser;
    expect((await browser.fetch('/api/auth/logout', {})).status).toBe(204);
    expect((await opened(address, cookie)).status).toBe(401);
  });

  it('is uploaded as a plain body, of which the host gets parts', async () => {
    answers.upload_write = ({ offset, content }) => ({
      received: Number(offset) + Buffer.from(String(content), 'base64').length,
    });
    const uploadId = 'upload_aaaaaaaaaaaaaaaaaaaa';
    const sent = await s.fetch(`/api/runners/r1/uploads/${uploadId}?offset=5`, { method: 'PUT', body: 'hello' });
    expect([sent.status, await sent.json()]).toEqual([200, { received: 10 }]);
    expect(asked.at(-1)).toMatchObject({
      method: 'upload_write',
      request: { uploadId, offset: 5, content: 'aGVsbG8=' },
    });
    answers.upload_write = () => ({ error: { code: 'upload_unknown', message: 'x' } });
    const refused = await s.fetch(`/api/runners/r1/uploads/${uploadId}?offset=0`, { method: 'PUT', body: 'hello' });
    expect(await refused.json()).toMatchObject({ error: { code: 'upload_unknown' } });
  });

  it('is read by a guest whose link was made with files, for its session alone, and written by none', async () => {
    const writer = await runner.begin('f1');
    const share = async (files: boolean) => {
      const made = await s.fetch('/api/sessions/f1/shares', { method: 'POST', json: { mode: 'read', files } });
      return ((await made.json()) as { token: string }).token;
    };
    const [token, plain] = [await share(true), await share(false)];
    const path = '/api/runners/r1/files?path=a';
    await expect.poll(async () => (await s.fetch(`${path}&sessionId=f1`, { token })).status, PATIENT).toBe(200);
    expect(asked.at(-1)).toMatchObject({ request: { sessionId: 'f1', call: { within: 'f1' } } });
    const made = await s.fetch('/api/runners/r1/files/tickets', {
      method: 'POST',
      json: { path: 'a', sessionId: 'f1' },
      token,
    });
    const { ticket } = (await made.json()) as DownloadTicketReply;
    const got = await askAt(`${s.url}${path}&sessionId=f1&ticket=${ticket}`);
    expect([got.status, await got.text()]).toEqual([200, '0123456789']);
    asked = [];
    for (const json of [{ path: 'a' }, { path: 'a', sessionId: 'f2' }]) {
      const refused = await s.fetch('/api/runners/r1/files/tickets', { method: 'POST', json, token });
      expect(refused.status).toBe(403);
    }
    for (const [url, by] of [
      [path, token],
      [`${path}&sessionId=f2`, token],
      [`${path}&sessionId=f1`, plain],
    ])
      expect((await s.fetch(url!, { token: by! })).status).toBe(403);
    for (const method of ['write_file', 'create_file', 'make_folder', 'move_file', 'delete_file', 'upload_begin'])
      expect(await call(method, { sessionId: 'f1', path: 'a' }, { token })).toMatchObject({ status: 403 });
    const put = await s.fetch('/api/runners/r1/uploads/upload_aaaaaaaaaaaaaaaaaaaa?offset=0', {
      method: 'PUT',
      body: 'x',
      token,
    });
    expect(put.status).toBe(403);
    expect(asked).toEqual([]);
    await writer.close();
  });
});
