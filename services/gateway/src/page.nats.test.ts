import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAt, pageOf } from './testing/browser.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
const folder = mkdtempSync(join(tmpdir(), 'pizzapi-page-'));
beforeAll(async () => {
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>PizzaPi</title>');
  writeFileSync(join(folder, 'assets', 'app-1a2b3c.js'), 'console.log(1)');
  s = await startScenario({ dashboard: folder });
});
afterAll(async () => {
  await s.end();
  rmSync(folder, { recursive: true });
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
