import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { request } from 'node:https';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintLinkToken } from '@pizzapi/process';
import { makeCertificate } from '@pizzapi/process/testing';
import { auditRows } from './testing/auditRows.js';
import { askAt, pageOf } from './testing/browser.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
const folder = mkdtempSync(join(tmpdir(), 'pizzapi-page-'));
const install = mkdtempSync(join(tmpdir(), 'pizzapi-install-'));
beforeAll(async () => {
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>PizzaPi</title>');
  writeFileSync(join(folder, 'assets', 'app-1a2b3c.js'), 'console.log(1)');
  s = await startScenario({ dashboard: folder, install });
});
afterAll(async () => {
  await s.end();
  for (const each of [folder, install]) rmSync(each, { recursive: true });
});

/** What the answer says that a page may do, by directive. */
function policyOf(answer: Response): Record<string, string> {
  const directives = (answer.headers.get('content-security-policy') ?? '').split('; ');
  return Object.fromEntries(
    directives.map((directive) => {
      const at = directive.indexOf(' ');
      return [directive.slice(0, at), directive.slice(at + 1)];
    }),
  );
}

describe('the page', () => {
  it.each(['/', '/s/abc', '/runners'])(
    'is served at %s to anyone, never cached, with a strict policy',
    async (path) => {
      const answer = await askAt(pageOf(s.url) + path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toBe('<!doctype html><title>PizzaPi</title>');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(policyOf(answer)).toEqual({
        ...{ 'default-src': "'self'", 'object-src': "'none'", 'base-uri': "'none'", 'form-action': "'none'" },
        ...{ 'frame-ancestors': "'none'", 'img-src': "'self' data: blob:" },
        'connect-src': `'self' ${pageOf(s.url).replace('http', 'ws')}`,
      });
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

  it.each(['/', '/s/abc?x=1', '/index.html', '/pair'])(
    'is not at %s under another name of ours: there is one that leads to it, and signs nobody in',
    async (path) => {
      const { port } = new URL(s.url);
      for (const name of ['127.0.0.1', 'localhost']) {
        const answer = await askAt(`http://${name}:${port}${path}`);
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
        expect(answer.headers.get('cache-control')).toBe('no-store');
        expect(answer.headers.getSetCookie()).toEqual([]);
        const html = await answer.text();
        expect(html).toContain('<html');
        expect(html).toContain(`href="${pageOf(s.url)}"`);
        const policy = policyOf(answer);
        expect(policy['default-src']).toBe("'none'");
        expect(policy['connect-src']).toBe(pageOf(s.url));
        expect(policy['script-src']).toMatch(/^'sha256-[^ ]+'$/);
      }
      const head = await askAt(`http://127.0.0.1:${port}${path}`, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
    },
  );

  it('answers for its name at both addresses of this machine, which browsers look at', async () => {
    const { port } = new URL(s.url);
    for (const hostname of ['127.0.0.1', '[::1]']) {
      const answer = await fetch(`http://${hostname}:${port}/livez`);
      expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
    }
    const squatter = createServer().listen({ host: '::1', port: 0, ipv6Only: true });
    await new Promise((resolve) => squatter.once('listening', resolve));
    const taken = (squatter.address() as AddressInfo).port;
    await expect(s.start({ port: taken })).rejects.toMatchObject({ code: 'port_in_use' });
    squatter.close();
  });

  it('comes with files that may be kept for ever', async () => {
    const answer = await fetch(`${s.url}/assets/app-1a2b3c.js`);
    expect(answer.headers.get('content-type')).toContain('javascript');
    expect(answer.headers.get('cache-control')).toContain('immutable');
  });

  it.each(['/assets/none.js', '/api/none', '/ws/none', '/..%2f..%2fetc/passwd.txt'])(
    'is not what %s gets',
    async (path) => {
      const answer = await fetch(s.url + path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } });
    },
  );
});

it('bytes that are no HTTP get an error of the common shape, and the connection ends', async () => {
  const socket = connect(Number(new URL(s.url).port), '127.0.0.1');
  socket.write('no http at all\r\n\r\n');
  const [head, body] = (await text(socket)).split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(body!)).toMatchObject({ error: { code: 'bad_request' } });
});

describe('the local network', () => {
  const LAN = '127.0.0.2';
  const options = { dashboard: folder, lanAddresses: [LAN] };
  const network = async (url: string, json?: object, token?: string) => {
    const init = { url, ...(token === undefined ? {} : { token }) };
    const answer = await s.fetch('/api/network', json === undefined ? init : { ...init, method: 'PUT', json });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const at = (url: string) => `http://${LAN}:${new URL(url).port}`;
  const isOpen = async (url: string) =>
    fetch(`${url}/livez`).then(
      () => true,
      () => false,
    );

  it('reaches the page while its owner has it open, at the found addresses, and no connection outlives that', async () => {
    const { url } = await s.start(options);
    const lan = at(url);
    expect(await network(url)).toEqual({ status: 200, body: { addresses: [], lan: false, canSwitch: true } });
    expect(await isOpen(lan)).toBe(false);
    const opened = await network(url, { lan: true });
    expect(opened.body).toMatchObject({ lan: true, addresses: [{ url: lan, kind: 'lan', secure: false }] });
    const page = await fetch(lan);
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html><title>PizzaPi</title>']);
    expect(policyOf(page)['connect-src']).toBe(`'self' ws://${LAN}:${new URL(url).port}`);
    // The page of this machine still has its own name, and links to others lead to the address that they can open.
    expect((await askAt(pageOf(url))).status).toBe(200);
    await s.writer('lan');
    const made = await s.fetch('/api/sessions/lan/shares', { method: 'POST', json: {}, url });
    expect(((await made.json()) as { shortUrl: string }).shortUrl.startsWith(`${lan}/l#`)).toBe(true);

    const socket = connect(Number(new URL(url).port), LAN);
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    expect((await network(url, { lan: false })).body).toMatchObject({ lan: false, addresses: [] });
    await closed;
    expect(await isOpen(lan)).toBe(false);
    const kinds = (await auditRows(s)).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['lan_opened', 'lan_closed']));
  });

  it('is opened by the owner alone: by no other admin, no member and no key', async () => {
    const { url } = await s.start(options);
    for (const role of ['admin', 'member'] as const) {
      const { token } = await s.person('Eve', { role });
      expect(await network(url, { lan: true }, token)).toMatchObject({ status: 403 });
      expect((await network(url, undefined, token)).body).toMatchObject({ canSwitch: false });
    }
    expect(await isOpen(at(url))).toBe(false);
  });

  it('is served with https by a certificate, whose cookies are bound to it', async () => {
    const { cert, key } = makeCertificate();
    const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    writeFileSync(tls.cert, cert);
    writeFileSync(tls.key, key);
    const { url } = await s.start({ ...options, lan: true, tls });
    const { port } = new URL(url);
    const { body } = await network(url);
    expect(body['addresses']).toContainEqual({ url: `https://${LAN}:${port}`, kind: 'lan', secure: true });
    const answer = await new Promise<{ status: number | undefined; cookies: string[] }>((resolve, reject) => {
      const token = mintLinkToken(s.secret, Date.now());
      const headers = { host: `${LAN}:${port}`, origin: `https://${LAN}:${port}`, 'content-type': 'application/json' };
      const sent = request(
        { host: LAN, port, path: '/api/auth/link', method: 'POST', headers, rejectUnauthorized: false },
        (reply) => {
          reply.resume();
          resolve({ status: reply.statusCode, cookies: reply.headers['set-cookie'] ?? [] });
        },
      );
      sent.on('error', reject);
      sent.end(JSON.stringify({ token }));
    });
    expect(answer.status).toBe(200);
    expect(answer.cookies[0]).toMatch(/^__Host-pizzapi=.*; Secure$/);
    // Without https this address gives nothing away.
    expect(await isOpen(at(url))).toBe(false);
  });
});

it('a browser at an address that is not ours gets a page with what to do, which names no address of ours', async () => {
  const host = 'box.local:7492';
  const headers = new Headers({ host, accept: 'text/html,application/xhtml+xml' });
  const answer = await askAt(s.url, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([421, 'text/html; charset=utf-8']);
  const html = await answer.text();
  expect(html).toContain('npm start -- --lan');
  expect(html).toContain(host);
  expect(html).not.toMatch(/127\.0\.0|localhost|192\.168/);
  expect(policyOf(answer)['default-src']).toBe("'none'");
  const evil = await askAt(s.url, { headers: new Headers({ host: 'x<script>', accept: 'text/html' }) });
  expect(await evil.text()).not.toContain('<script>');
  // Programs get an error as ever, and so does the API.
  const plain = await askAt(s.url, { headers: new Headers({ host }) });
  expect(await plain.json()).toMatchObject({ error: { code: 'forbidden_host' } });
  const api = await askAt(`${s.url}/api/auth/options`, { headers });
  expect(await api.json()).toMatchObject({ error: { code: 'forbidden_host' } });
});

describe('what hosts install', () => {
  const archive = join(install, 'pizzapi.tgz');
  const script = "#!/bin/sh\nRELAY='@RELAY@'\n";
  beforeAll(() => {
    writeFileSync(join(install, 'install.sh'), script);
    writeFileSync(archive, 'first');
  });

  it('the script names the address for programs, never a text of the request, and anyone gets it', async () => {
    const here = `http://127.0.0.1:${new URL(s.url).port}`;
    for (const url of [s.url, pageOf(s.url)]) {
      const answer = await askAt(`${url}/install.sh`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/x-shellscript; charset=utf-8']);
      expect([answer.headers.get('cache-control'), await answer.text()]).toEqual([
        'no-store',
        `#!/bin/sh\nRELAY='${here}'\n`,
      ]);
    }
    for (const host of ["x';id;'", 'evil.example', '127.0.0.1:1']) {
      const headers = new Headers({ host, 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' });
      expect((await askAt(`${s.url}/install.sh`, { headers })).status).toBe(421);
    }
    const { gateway } = await s.start({ publicUrl: 'https://relay.example', install });
    const { port } = gateway.app.server.address() as AddressInfo;
    const answer = await askAt('https://relay.example/install.sh', { port });
    expect(await answer.text()).toBe("#!/bin/sh\nRELAY='https://relay.example'\n");
  });

  it('the package comes whole with a hash of its content, is asked for again by that hash, and changes with the file', async () => {
    const ask = (init?: RequestInit) => fetch(`${s.url}/install/pizzapi.tgz`, init);
    const answer = await ask();
    const etag = answer.headers.get('etag')!;
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-length')]).toEqual([
      ...[200, 'application/gzip', '5'],
    ]);
    expect([await answer.text(), answer.headers.get('cache-control')]).toEqual(['first', 'no-cache']);
    const head = await ask({ method: 'HEAD' });
    expect([head.status, head.headers.get('etag'), head.headers.get('content-length')]).toEqual([200, etag, '5']);
    const known = await ask({ headers: { 'if-none-match': `"other", ${etag}` } });
    expect([known.status, await known.text()]).toEqual([304, '']);
    writeFileSync(archive, 'second one');
    const changed = await ask({ headers: { 'if-none-match': etag } });
    expect([changed.status, await changed.text()]).toEqual([200, 'second one']);
  });

  it('a client that downloads the package too often has to wait, and a gateway without it says so', async () => {
    const { url } = await s.start({ attemptsPerMinute: 2, install });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await fetch(`${url}/install/pizzapi.tgz`)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const bare = await s.start({ install: undefined });
    for (const path of ['/install.sh', '/install/pizzapi.tgz']) {
      const answer = await fetch(bare.url + path);
      expect([answer.status, await answer.json()]).toMatchObject([404, { error: { code: 'not_found' } }]);
    }
  });
});
