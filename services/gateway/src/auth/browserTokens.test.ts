import { describe, expect, it } from 'vitest';
import { OriginPolicy } from './originPolicy.js';
import { Cookie } from './cookie.js';
import { DeviceCookie } from './deviceCookie.js';
import { PageTokens } from './pageTokens.js';

const secret = Buffer.alloc(32, 7);
const pair = (set: string): string => set.split(';', 1)[0]!;

describe('the token of a page', () => {
  const tokens = new PageTokens(secret);
  const cookie = 'c'.repeat(43);

  it('is one for each cookie and each installation, and the same at every gateway', () => {
    expect(tokens.of(cookie)).toMatch(/^[\w-]{43}$/);
    expect(new PageTokens(secret).of(cookie)).toBe(tokens.of(cookie));
    expect(new PageTokens(Buffer.alloc(32, 8)).of(cookie)).not.toBe(tokens.of(cookie));
    expect(tokens.of('d'.repeat(43))).not.toBe(tokens.of(cookie));
  });

  it('is shown by a header, or by a subprotocol where a page can set none', () => {
    const token = tokens.of(cookie);
    expect(tokens.isShown({ 'pizzapi-page-token': token }, cookie)).toBe(true);
    expect(tokens.isShown({ 'sec-websocket-protocol': `pizzapi.v1.msgpack, page.${token}` }, cookie)).toBe(true);
    for (const headers of [
      {},
      { 'pizzapi-page-token': '' },
      { 'pizzapi-page-token': cookie },
      { 'pizzapi-page-token': `${token}x` },
      { 'sec-websocket-protocol': token },
      { 'sec-websocket-protocol': `bearer.${token}` },
      { authorization: `Bearer ${token}` },
      // A header that is there and wrong is not made good by the subprotocol.
      { 'pizzapi-page-token': 'x', 'sec-websocket-protocol': `page.${token}` },
    ])
      expect(tokens.isShown(headers, cookie), JSON.stringify(headers)).toBe(false);
  });
});

describe('a device', () => {
  const devices = new DeviceCookie(secret, false);

  it('is known at the accounts it has signed in to, four at most, and nowhere else', () => {
    let cookie: string | undefined;
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const set = devices.keep(cookie, `${name}@example.com`);
      cookie = pair(set!);
    }
    const known = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => devices.deviceOf(cookie, `${name}@example.com`));
    expect(known.map((device) => device !== undefined)).toEqual([false, true, true, true, true, false]);
    expect(new Set(known.filter((device) => device !== undefined)).size).toBe(4);
    expect(devices.keep(cookie, 'e@example.com')).toBeUndefined();
  });

  it('is known by a mark of this installation alone, whatever else is sent', () => {
    const cookie = pair(devices.keep(undefined, 'a@example.com')!);
    expect(devices.deviceOf(`x=y; ${cookie}; z`, 'a@example.com')).toBeDefined();
    expect(new DeviceCookie(Buffer.alloc(32), false).deviceOf(cookie, 'a@example.com')).toBeUndefined();
    for (const sent of [undefined, '', 'pizzapi-device=', `${cookie}x`, cookie.slice(0, -1), `__Host-${cookie}`])
      expect(devices.deviceOf(sent, 'a@example.com'), sent).toBeUndefined();
  });

  it('keeps its mark where it is asked for: at the sign-in of its host', () => {
    const [mark, ...attributes] = new DeviceCookie(secret, true).keep(undefined, 'a@b.c')!.split('; ');
    expect(mark).toMatch(/^__Host-pizzapi-device=[\w-]{59}$/);
    expect(attributes).toEqual(['Max-Age=31536000', 'Path=/', 'HttpOnly', 'SameSite=Strict', 'Secure']);
    expect(devices.keep(undefined, 'a@b.c')).toContain('; Path=/api/auth; HttpOnly; SameSite=Strict');
  });
});

describe('the addresses of a gateway', () => {
  const at = (publicUrl: string | undefined, host = '127.0.0.1') => {
    const addresses = new OriginPolicy(publicUrl, host);
    addresses.listening(7492);
    return addresses;
  };

  it.each([
    [undefined, '127.0.0.1', 'pizzapi.localhost:7492', ['127.0.0.1:7492', 'localhost:7492', '[::1]:7492']],
    ['http://127.0.0.1:7492', '127.0.0.1', '127.0.0.1:7492', ['localhost:7492', '[::1]:7492']],
    ['https://app.example.com', '127.0.0.1', 'app.example.com', ['127.0.0.1:7492', 'localhost:7492']],
    [undefined, '192.168.1.5', '192.168.1.5:7492', ['127.0.0.1:7492', 'localhost:7492']],
  ])('of %s at %s are the page’s, where cookies count, and others for programs', (publicUrl, host, page, others) => {
    const addresses = at(publicUrl, host);
    for (const name of [page, ...others]) expect(addresses.hostProblem({ host: name }), name).toBeUndefined();
    expect([page, ...others].filter((name) => addresses.isOfPage({ host: name }))).toEqual([page]);
    expect(addresses.pageUrl.endsWith(`//${page}`)).toBe(true);
    for (const name of ['evil.example', `${page}.evil.example`, '127.0.0.1:1', undefined])
      expect(addresses.hostProblem(name === undefined ? {} : { host: name })?.code).toBe('forbidden_host');
    const { origin } = new URL(addresses.pageUrl);
    expect(addresses.cookieProblem({ host: page, origin })).toBeUndefined();
    for (const name of others)
      expect(addresses.cookieProblem({ host: page, origin: `http://${name}` })?.code).toBe('forbidden_origin');
  });

  it('of the local network are pages of their own while they are open, and exactly these', () => {
    const addresses = at(undefined);
    const lan = '192.168.1.5:7492';
    const origin = `http://${lan}`;
    expect(addresses.hostProblem({ host: lan })?.code).toBe('forbidden_host');
    addresses.setLanOrigins([origin, 'https://box.ts.net:7492']);
    for (const host of [lan, 'box.ts.net:7492', 'pizzapi.localhost:7492']) {
      expect(addresses.hostProblem({ host }), host).toBeUndefined();
      expect(addresses.isOfPage({ host }), host).toBe(true);
    }
    // DNS rebinding: a name that was made to point here is another name.
    for (const host of [
      '192.168.1.6:7492',
      '192.168.1.5',
      '192.168.1.5:80',
      'evil.example:7492',
      `${lan}.evil.example`,
    ])
      expect(addresses.hostProblem({ host })?.code, host).toBe('forbidden_host');
    expect(addresses.cookieProblem({ host: lan, origin })).toBeUndefined();
    expect(addresses.originProblem({ host: lan, origin })).toBeUndefined();
    // The pages do not act for each other, nor does another scheme.
    for (const other of ['http://pizzapi.localhost:7492', `https://${lan}`, 'http://192.168.1.6:7492'])
      expect(addresses.cookieProblem({ host: lan, origin: other })?.code, other).toBe('forbidden_origin');
    expect(addresses.cookieProblem({ host: 'pizzapi.localhost:7492', origin })?.code).toBe('forbidden_origin');
    expect(addresses.originProblem({ host: 'pizzapi.localhost:7492', origin })?.code).toBe('forbidden_origin');
    expect(addresses.socketOriginsFor({ host: lan })).toEqual([`ws://${lan}`]);
    addresses.setLanOrigins([]);
    expect(addresses.hostProblem({ host: lan })?.code).toBe('forbidden_host');
  });

  it('are nobody’s before it listens', () => {
    const addresses = new OriginPolicy(undefined, '127.0.0.1');
    expect(addresses.isOfPage({})).toBe(false);
    expect(addresses.isOfPage({ host: '' })).toBe(false);
  });
});

it('a cookie is for the path of the page, and its name binds it to the host or, at a path, to https', () => {
  const shape = (cookie: string) => cookie.replace(/=[^;]*; Max-Age=\d+/, '');
  const kept = (secure: boolean, path: string) => [
    shape(new Cookie(secure, path).keep('x')),
    shape(new DeviceCookie(Buffer.alloc(32), secure, path).keep(undefined, 'a@example.com')!),
  ];
  const strict = 'HttpOnly; SameSite=Strict';
  expect(kept(true, '')).toEqual([
    `__Host-pizzapi; Path=/; ${strict}; Secure`,
    `__Host-pizzapi-device; Path=/; ${strict}; Secure`,
  ]);
  expect(kept(true, '/pizza')).toEqual([
    `__Secure-pizzapi; Path=/pizza; ${strict}; Secure`,
    `__Secure-pizzapi-device; Path=/pizza/api/auth; ${strict}; Secure`,
  ]);
  expect(kept(false, '/pizza')).toEqual([
    `pizzapi; Path=/pizza; ${strict}`,
    `pizzapi-device; Path=/pizza/api/auth; ${strict}`,
  ]);
});
