import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScenario, type Scenario } from './testing/scenario.js';

let s: Scenario;
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
      const answer = await fetch(s.url + path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('<title>PizzaPi</title>');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(policyOf(answer)).toEqual({
        ...{ 'default-src': "'self'", 'object-src': "'none'", 'base-uri': "'none'", 'form-action': "'none'" },
        ...{ 'frame-ancestors': "'none'", 'img-src': "'self' data: blob:" },
        'connect-src': expect.stringMatching(/^'self'( ws:\/\/[^ *]+)+$/) as string,
      });
      expect(policyOf(answer)['connect-src']).toContain(s.url.replace('http', 'ws'));
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

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
