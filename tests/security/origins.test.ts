import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { newSession } from '../support/viewer.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { ask, cookieOf, pageOf } from './support/http.js';
import { fromPage, PASSWORD, settleOwner, shownBy, type Person } from './support/people.js';
import { refusal } from './support/socket.js';
import { auditRow } from './support/auditRows.js';

let stage: LocalStack;
let ada: Person;
let sid: string;
let sockets: string[];

beforeAll(async () => {
  stage = await startLocalStack();
  ada = await settleOwner(stage);
  sid = await newSession(stage);
  sockets = [`/ws/sessions/${sid}`, '/ws/hub', '/ws/runners'];
});
afterAll(() => stage.clear());

const host = () => new URL(stage.url).host;

describe('(1) a page of another site, in a browser that is signed in', () => {
  const evil = 'https://evil.example';

  it('gets no socket: 403, and the audit log says who tried', async () => {
    for (const path of sockets)
      expect(await refusal(stage.url, path, { headers: { ...shownBy(stage.url, ada), origin: evil } }), path).toBe(
        '403 forbidden_origin',
      );
    await auditRow(stage, 'refused', ({ code, path }) => code === 'forbidden_origin' && path === sockets[0]);
  });

  it('changes nothing and reads nothing: 403', async () => {
    const headers = { ...shownBy(stage.url, ada), origin: evil };
    const asked: [string, string][] = [
      ['POST', '/api/sessions'],
      ['POST', `/api/sessions/${sid}/input`],
      ['POST', `/api/sessions/${sid}/shares`],
      ['POST', '/api/keys'],
      ['POST', '/api/auth/login'],
      ['POST', '/api/auth/logout'],
      ['POST', '/ws/sessions'],
      ['DELETE', `/api/sessions/${sid}`],
      ['GET', '/api/auth/me'],
      ['GET', `/api/sessions/${sid}/events`],
      ['OPTIONS', '/api/sessions'],
    ];
    for (const [method, path] of asked) {
      const answer = await ask(stage.url, path, { method, headers });
      expect([answer.status, answer.code], `${method} ${path}`).toEqual([403, 'forbidden_origin']);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('cannot have a browser send a form for it, whatever the form calls itself', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const headers = { ...shownBy(stage.url, ada), 'content-type': type };
      const answer = await ask(stage.url, '/api/keys', { headers, body: '{"name":"x"}' });
      expect([400, 415], type).toContain(answer.status);
    }
  });
});

describe('(2) an Origin that only looks like ours', () => {
  const publicUrl = 'https://app.example.com';
  let gateway: OneMoreGateway;
  let shown: { cookie: string; 'pizzapi-page-token': string };
  const headers = (origin: string) => ({ host: 'app.example.com', origin, ...shown });

  beforeAll(async () => {
    gateway = await startGateway(stage, { publicUrl });
    const json = { email: ada.email, password: PASSWORD };
    const answer = await ask(gateway.url, '/api/auth/login', {
      json,
      headers: { host: 'app.example.com', origin: publicUrl },
    });
    shown = { cookie: cookieOf(answer), 'pizzapi-page-token': (answer.json as { pageToken: string }).pageToken };
    const attributes = 'Max-Age=\\d+; Path=/; HttpOnly; SameSite=Strict; Secure';
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(new RegExp(`^__Host-pizzapi=[\\w-]{43}; ${attributes}$`)),
      expect.stringMatching(new RegExp(`^__Host-pizzapi-device=[\\w-]{59}; ${attributes}$`)),
    ]);
  });
  afterAll(() => gateway.stop());

  it('is 403, where ours is let in', async () => {
    expect(await refusal(gateway.url, sockets[0]!, { headers: headers(publicUrl) })).toBe('open');
    const others = [
      'https://app.example.com.evil.io',
      'null',
      'http://app.example.com',
      'https://app.example.com:444',
      'https://app.example.com@evil.io',
      'https://evil.io/https://app.example.com',
      'https://xapp.example.com',
      'https://app-example.com',
      'https://app.example.com.',
      'https://app.example.com/',
      'https://app.example.com, https://evil.io',
      'app.example.com',
      'file://',
    ];
    for (const origin of others) {
      expect(await refusal(gateway.url, sockets[0]!, { headers: headers(origin) }), origin).toBe(
        '403 forbidden_origin',
      );
      const answer = await ask(gateway.url, '/api/keys', { json: { name: 'x' }, headers: headers(origin) });
      expect([answer.status, answer.code], origin).toEqual([403, 'forbidden_origin']);
    }
  });

  it('said twice is not ours either', async () => {
    const twice = { host: 'app.example.com', Origin: publicUrl, origin: 'https://evil.io', ...shown };
    const answer = await ask(gateway.url, '/api/keys', { json: { name: 'x' }, headers: twice });
    expect(answer.status).not.toBe(201);
  });
});

describe('(3) a cookie without an Origin', () => {
  it('opens no socket and changes nothing: 401', async () => {
    const { origin: _, ...headers } = shownBy(stage.url, ada);
    for (const path of sockets) expect(await refusal(stage.url, path, { headers }), path).toBe('401 unauthenticated');
    for (const method of ['POST', 'DELETE', 'PATCH', 'PUT']) {
      const answer = await ask(stage.url, '/api/keys', { method, json: { name: 'x' }, headers });
      expect([401, 404], method).toContain(answer.status);
    }
  });

  it('is enough to read, as a browser that reads from its own page says no Origin', async () => {
    const { origin: _, ...headers } = shownBy(stage.url, ada);
    const answer = await ask(stage.url, '/api/auth/me', { headers });
    expect(answer.json).toMatchObject({ userId: 'owner', by: 'session' });
  });

  it('of a page of another site, which a browser then says, is no better', async () => {
    const { origin: _, ...shown } = shownBy(stage.url, ada);
    const headers = { ...shown, 'sec-fetch-site': 'cross-site' };
    expect(await refusal(stage.url, sockets[0]!, { headers })).toBe('401 unauthenticated');
    const answer = await ask(stage.url, '/api/keys', { json: { name: 'x' }, headers });
    expect([answer.status, answer.code]).toEqual([403, 'forbidden_origin']);
  });
});

describe('(4) a Host of another name', () => {
  const names = () => [
    'evil.example',
    `${host()}.evil.io`,
    `evil.io:${new URL(stage.url).port}`,
    `xpizzapi.localhost:${new URL(stage.url).port}`,
    `pizzapi.localhost.:${new URL(stage.url).port}`,
    'pizzapi.localhost:1',
    '127.0.0.1:1',
    '10.0.0.1',
  ];

  it('is 421 for pages, the API and sockets, with whatever credentials', async () => {
    for (const name of names()) {
      const headers = { ...shownBy(stage.url, ada), host: name, origin: `http://${name}` };
      for (const path of ['/', '/api/auth/me', '/api/auth/options', '/openapi.json', `/s/${sid}`]) {
        const answer = await ask(stage.url, path, { headers, bearer: stage.token });
        expect([answer.status, answer.code], `${name} ${path}`).toEqual([421, 'forbidden_host']);
      }
      for (const path of sockets)
        expect(await refusal(stage.url, path, { headers, bearer: stage.token }), path).toBe('421 forbidden_host');
    }
  });

  it('is not got around by a header for proxies, nor by a whole address as the target', async () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': host(), forwarded: `host=${host()}` };
    expect((await ask(stage.url, '/api/auth/me', { headers, bearer: stage.token })).status).toBe(421);
    const whole = `http://${host()}/api/auth/me`;
    expect((await ask(stage.url, whole, { headers, bearer: stage.token })).status).toBe(421);
  });

  it('lets those in who mean this gateway', async () => {
    const { port } = new URL(stage.url);
    const page = new URL(pageOf(stage.url)).host;
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, page, page.toUpperCase()])
      expect((await ask(stage.url, '/api/auth/me', { headers: { host: name }, bearer: stage.token })).status).toBe(200);
  });

  it('still gets no answer about health that says more than that', async () => {
    for (const path of ['/livez', '/readyz']) {
      const answer = await ask(stage.url, path, {
        headers: fromPage(stage, ada, { headers: { host: 'evil.example' } }).headers!,
      });
      expect(['ok\n', 'ready\n']).toContain(answer.text);
    }
  });
});
