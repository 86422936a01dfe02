import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

describe('the page', () => {
  it.each(['/', '/s/abc', '/runners'])(
    'is served at %s to anyone, never cached, with a strict policy',
    async (path) => {
      const answer = await fetch(s.url + path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('<title>PizzaPi</title>');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
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
