import { localToken, mintLinkToken, mintToken } from '@pizzapi/process';
import { SUBPROTOCOL } from '@pizzapi/protocol';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAt, Browser, pageOf } from './testing/browser.js';
import { refusal } from './testing/client.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
beforeAll(async () => {
  s = await startScenario();
  await (await s.writer('s1')).append({ type: 'agent_start', at: 1 });
});
afterAll(() => s.end());

const ws = (path: string) => s.url.replace('http', 'ws') + path;

const link = (token: string, url = s.url, headers: Record<string, string> = {}) =>
  askAt(`${pageOf(url)}/api/auth/link`, {
    method: 'POST',
    headers: new Headers({ 'content-type': 'application/json', ...headers }),
    body: JSON.stringify({ token }),
  });

/** A browser that has opened a sign-in link: what it sends by itself, under the page's name. */
async function signedIn(url = s.url): Promise<{ browser: Browser; shown: Record<string, string> }> {
  const browser = new Browser(url);
  expect((await browser.ask('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) })).status).toBe(200);
  return { browser, shown: { ...browser.shown, host: new URL(browser.page).host } };
}

/** Some headers without others. */
const without = (headers: Record<string, string>, ...names: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

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
    const { pageToken, ...me } = (await answer.json()) as { pageToken: string };
    expect(me).toMatchObject({ userId: 'owner', role: 'admin' });
    expect(pageToken).toMatch(/^[\w-]{43}$/);
    const [cookie, ...others] = answer.headers.getSetCookie();
    expect(cookie).toMatch(/^pizzapi=\S+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(others).toEqual([]);

    const host = new URL(pageOf(s.url)).host;
    const shown = { host, cookie: cookie!.split(';')[0]!, 'pizzapi-page-token': pageToken };
    expect((await raw('/api/auth/me', shown)).status).toBe(200);
    expect(await refusal(ws('/ws/sessions/s1'), [], { headers: shown })).toEqual({
      status: 401,
      code: 'unauthenticated',
    });
    const missing = await refusal(ws('/ws/sessions/nope'), [], { headers: { ...shown, origin: pageOf(s.url) } });
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
    const { browser, shown } = await signedIn();
    const quiet = without(shown, 'origin');
    expect((await raw('/api/auth/me', quiet)).status).toBe(200);
    for (const path of ['/api/auth/logout', '/api/auth/password', '/api/keys', '/api/sessions', '/api/auth/login'])
      expect(await raw(path, quiet, 'POST')).toEqual({ status: 401, code: 'unauthenticated' });
    for (const path of ['/ws/hub', '/ws/sessions/s1'])
      expect(await refusal(ws(path), [], { headers: quiet })).toEqual({ status: 401, code: 'unauthenticated' });
    const foreign = ['http://evil.example', 'null', `${browser.page}.evil.example`, 'https://app.example.com.evil.io'];
    for (const origin of foreign)
      expect(await refusal(ws('/ws/hub'), [], { origin, headers: quiet })).toEqual({
        status: 403,
        code: 'forbidden_origin',
      });
    expect((await raw('/api/auth/logout', shown, 'POST')).status).toBe(204);
    expect((await raw('/api/auth/me', shown)).status).toBe(401);
  });

  it('with a cookie alone get 401: it counts with the token of its page, under the page’s name, from that very page', async () => {
    const { browser, shown } = await signedIn();
    const other = await signedIn();
    const { port } = new URL(s.url);
    const wrong: [string, Record<string, string>, number][] = [
      ['no token', without(shown, 'pizzapi-page-token'), 401],
      ['an empty token', { ...shown, 'pizzapi-page-token': '' }, 401],
      ['the cookie for a token', { ...shown, 'pizzapi-page-token': browser.cookie!.split('=')[1]! }, 401],
      ['the token of another login', { ...shown, 'pizzapi-page-token': other.browser.pageToken! }, 401],
      ['another name of ours', { ...shown, host: `127.0.0.1:${port}`, origin: s.url }, 401],
      ['another name of ours, from the page', { ...shown, host: `localhost:${port}` }, 401],
      ['a page under another name of ours', { ...shown, origin: s.url }, 403],
      ['a page of another port', { ...shown, origin: 'http://pizzapi.localhost:5173' }, 403],
    ];
    for (const [what, headers, status] of wrong) {
      for (const [method, path] of [
        ['GET', '/api/auth/me'],
        ['POST', '/api/keys'],
        ['GET', '/api/sessions/s1/events'],
      ] as const)
        expect((await raw(path, headers, method)).status, `${what}: ${method} ${path}`).toBe(status);
      const { origin, ...rest } = headers;
      expect((await refusal(ws('/ws/hub'), [], { origin: origin!, headers: rest })).status, what).toBe(status);
    }
    const protocols = [SUBPROTOCOL.msgpack, `page.${browser.pageToken}`];
    const missing = await refusal(ws('/ws/sessions/nope'), protocols, {
      headers: without(shown, 'pizzapi-page-token'),
    });
    expect(missing).toEqual({ status: 404, code: 'session_not_found' });
  });

  it('that would sign a browser in are taken under the page’s name alone, and use up nothing elsewhere', async () => {
    const token = mintLinkToken(s.secret, Date.now());
    const { port } = new URL(s.url);
    for (const [path, body] of [
      ['/api/auth/link', { token }],
      ['/api/auth/login', { email: 'a@b.c', password: 'Some password 1' }],
      ['/api/auth/signup', { email: 'a@b.c', password: 'Some password 1' }],
    ] as const)
      for (const name of ['127.0.0.1', 'localhost']) {
        const headers = new Headers({ 'content-type': 'application/json', origin: `http://${name}:${port}` });
        const answer = await askAt(`http://${name}:${port}${path}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        expect(answer.status, `${name} ${path}`).toBe(421);
        expect(await answer.json()).toMatchObject({
          error: { code: 'forbidden_host', message: expect.stringContaining(pageOf(s.url)) as string },
        });
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
    expect((await link(token)).status).toBe(200);
  });

  it('with a cookie, a runner token or a bearer that is none, offered as a share link, get 403', async () => {
    const { browser } = await signedIn();
    const value = browser.cookie!.split('=')[1]!;
    for (const bearer of [value, browser.pageToken!, mintToken('runner'), mintToken('user'), 'a.b.c', '__proto__'])
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
    const { secret } = s;
    expect((await link(mintLinkToken(secret, Date.now()), s.url, { origin: 'null' })).status).toBe(403);
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

  it('for probes are answered under any name', async () => {
    for (const path of ['/livez', '/readyz']) expect((await raw(path, { host: '10.0.0.7:80' })).status).toBe(200);
  });

  it('to a socket with a wrong id, path or protocol say which', async () => {
    const bearer = `bearer.${localToken(s.secret)}`;
    expect(await refusal(ws('/ws/sessions/a.b'), [bearer])).toEqual({ status: 400, code: 'invalid_id' });
    expect(await refusal(ws('/ws/elsewhere'), [bearer])).toEqual({ status: 404, code: 'not_found' });
    expect(await refusal(ws('/ws/hub'), ['pizzapi.v9.msgpack', bearer])).toEqual({ status: 400, code: 'bad_request' });
  });
});
