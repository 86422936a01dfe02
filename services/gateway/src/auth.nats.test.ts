import { localToken, mintLinkToken, mintToken } from '@pizzapi/process';
import { SUBPROTOCOL } from '@pizzapi/protocol';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal } from './testing/client.js';
import { startScenario, type Scenario } from './testing/scenario.js';

let s: Scenario;
beforeAll(async () => {
  s = await startScenario();
  await (await s.writer('s1')).append({ type: 'agent_start', at: 1 });
});
afterAll(() => s.end());

const ws = (path: string) => s.url.replace('http', 'ws') + path;

const link = (token: string, url = s.url, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/auth/link`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ token }),
  });

/** A request with headers that fetch does not let us set. */
function raw(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; code: string | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(s.url + path, { method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const error = body.startsWith('{') ? (JSON.parse(body) as { error?: { code: string } }).error : undefined;
        resolve({ status: response.statusCode ?? 0, code: error?.code });
      });
    });
    outgoing.on('error', reject).end();
  });
}

describe('the sign-in link', () => {
  it('gives a cookie once, also across a restart, and the cookie opens the API and the sockets', async () => {
    const token = mintLinkToken(s.secret, Date.now());
    const answer = await link(token);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ userId: 'owner', role: 'admin' });
    const cookie = answer.headers.get('set-cookie')!;
    expect(cookie).toMatch(/^pizzapi=\S+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/);

    const pair = cookie.split(';')[0]!;
    expect((await fetch(`${s.url}/api/auth/me`, { headers: { cookie: pair } })).status).toBe(200);
    expect(await refusal(ws('/ws/sessions/s1'), [], { headers: { cookie: pair } })).toEqual({
      status: 401,
      code: 'unauthenticated',
    });
    const missing = await refusal(ws('/ws/sessions/nope'), [], { headers: { cookie: pair, origin: s.url } });
    expect(missing).toEqual({ status: 404, code: 'session_not_found' });

    expect((await link(token)).status).toBe(401);
    const { url } = await s.start();
    const again = await link(token, url);
    expect(again.status).toBe(401);
    expect(await again.json()).toMatchObject({ error: { code: 'link_invalid' } });
  });

  it.each([
    ['expired', () => mintLinkToken(s.secret, Date.now() - 3_600_000)],
    ['made with another secret', () => mintLinkToken(Buffer.alloc(32), Date.now())],
    ['nonsense', () => 'x'],
  ])('that is %s is refused', async (_what, token) => {
    expect((await link(token())).status).toBe(401);
  });
});

describe('requests', () => {
  it('without credentials get 401, with wrong ones 403', async () => {
    expect(await raw('/api/sessions', {})).toEqual({ status: 401, code: 'unauthenticated' });
    expect(await raw('/api/sessions', { cookie: `pizzapi=${'A'.repeat(43)}` })).toEqual({
      status: 401,
      code: 'unauthenticated',
    });
    expect(await raw('/api/sessions', { authorization: 'Bearer local.wrong' })).toEqual({
      status: 403,
      code: 'forbidden',
    });
    expect(await raw('/%61pi/sessions', {})).toEqual({ status: 401, code: 'unauthenticated' });
    expect(await raw('/ws/sessions', {}, 'POST')).toEqual({ status: 401, code: 'unauthenticated' });
    expect(await refusal(ws('/ws/hub'), [])).toEqual({ status: 401, code: 'unauthenticated' });
    expect(await refusal(ws('/ws/hub'), ['bearer.local.wrong'])).toEqual({ status: 403, code: 'forbidden' });
  });

  it('with a cookie that may change something get 401 unless they say where they come from', async () => {
    const cookie = (await link(mintLinkToken(s.secret, Date.now()))).headers.get('set-cookie')!.split(';', 1)[0]!;
    expect((await raw('/api/auth/me', { cookie })).status).toBe(200);
    for (const path of ['/api/auth/logout', '/api/auth/password', '/api/keys', '/api/sessions', '/api/auth/login'])
      expect(await raw(path, { cookie }, 'POST')).toEqual({ status: 401, code: 'unauthenticated' });
    for (const path of ['/ws/hub', '/ws/sessions/s1'])
      expect(await refusal(ws(path), [], { headers: { cookie } })).toEqual({ status: 401, code: 'unauthenticated' });
    for (const origin of ['http://evil.example', 'null', `${s.url}.evil.example`, 'https://app.example.com.evil.io'])
      expect(await refusal(ws('/ws/hub'), [], { origin, headers: { cookie } })).toEqual({
        status: 403,
        code: 'forbidden_origin',
      });
    expect((await raw('/api/auth/logout', { cookie, origin: s.url }, 'POST')).status).toBe(204);
    expect((await raw('/api/auth/me', { cookie })).status).toBe(401);
  });

  it('with a cookie, a runner token or a bearer that is none, offered as a share link, get 403', async () => {
    const cookie = (await link(mintLinkToken(s.secret, Date.now()))).headers.get('set-cookie')!;
    const value = /^pizzapi=([^;]+)/.exec(cookie)![1]!;
    for (const bearer of [value, mintToken('runner'), mintToken('user'), 'a.b.c', '__proto__'])
      expect(await refusal(ws('/ws/sessions/s1'), [SUBPROTOCOL.msgpack, `bearer.${bearer}`])).toEqual({
        status: 403,
        code: 'forbidden',
      });
  });

  it('from a foreign page get 403, under a foreign name 421', async () => {
    const authorization = `Bearer ${localToken(s.secret)}`;
    expect(await raw('/api/sessions', { authorization, host: 'evil.example' })).toEqual({
      status: 421,
      code: 'forbidden_host',
    });
    expect(await raw('/', { host: 'evil.example:7492' })).toEqual({ status: 421, code: 'forbidden_host' });
    const post = await raw('/api/sessions', { authorization, origin: 'http://evil.example' }, 'POST');
    expect(post).toEqual({ status: 403, code: 'forbidden_origin' });
    const get = await raw('/api/sessions', { authorization, origin: 'http://evil.example' });
    expect(get).toEqual({ status: 403, code: 'forbidden_origin' });
    expect((await link(mintLinkToken(s.secret, Date.now()), s.url, { origin: 'null' })).status).toBe(403);
    const bearer = `bearer.${localToken(s.secret)}`;
    for (const origin of ['http://evil.example', 'null', `${s.url}.evil.example`]) {
      expect(await refusal(ws('/ws/hub'), [SUBPROTOCOL.msgpack, bearer], { origin })).toEqual({
        status: 403,
        code: 'forbidden_origin',
      });
    }
    const host = await refusal(ws('/ws/hub'), [SUBPROTOCOL.msgpack, bearer], { headers: { host: 'evil.example' } });
    expect(host).toEqual({ status: 421, code: 'forbidden_host' });
  });

  it('for probes are answered under any name, and for metrics too, with what lets an admin in', async () => {
    for (const path of ['/livez', '/readyz']) expect((await raw(path, { host: '10.0.0.7:80' })).status).toBe(200);
    const authorization = `Bearer ${localToken(s.secret)}`;
    expect((await raw('/metrics', { host: '10.0.0.7:80', authorization })).status).toBe(200);
    expect((await raw('/metrics', { host: '10.0.0.7:80' })).status).toBe(401);
  });

  it('to a socket with a wrong id, path or protocol say which', async () => {
    const bearer = `bearer.${localToken(s.secret)}`;
    expect(await refusal(ws('/ws/sessions/a.b'), [bearer])).toEqual({ status: 400, code: 'invalid_id' });
    expect(await refusal(ws('/ws/elsewhere'), [bearer])).toEqual({ status: 404, code: 'not_found' });
    expect(await refusal(ws('/ws/hub'), ['pizzapi.v9.msgpack', bearer])).toEqual({ status: 400, code: 'bad_request' });
  });
});
