import { AUDIT_STREAM, consumeStream, streamHead } from '@pizzapi/backbone';
import { localToken, METRICS, mintLinkToken } from '@pizzapi/process';
import { decode, SUBPROTOCOL } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askAt, pageOf } from '../testing/browser.js';
import { refusal } from '../testing/client.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';

let s: GatewayScenario;
let after: number;
beforeAll(async () => {
  s = await startScenario();
});
beforeEach(async () => {
  after = await streamHead(s.b, AUDIT_STREAM);
});
afterAll(() => s.end());

const link = (token: string, query = '') =>
  askAt(`${pageOf(s.url)}/api/auth/link${query}`, {
    method: 'POST',
    headers: new Headers({ 'content-type': 'application/json' }),
    body: JSON.stringify({ token }),
  });

/** Every row `refused` of this test: what a last refusal, which marks the end, left behind is not among them. */
async function refused(): Promise<Record<string, unknown>[]> {
  await fetch(`${s.url}/api/end-of-test`, { method: 'POST', headers: { origin: 'http://end.example' } });
  const rows: Record<string, unknown>[] = [];
  const stop = new AbortController();
  await consumeStream(s.b, AUDIT_STREAM, {
    after,
    filter: 'audit.refused',
    signal: stop.signal,
    onBatch: (batch) => {
      rows.push(...batch.map(({ payload }) => decode(payload) as Record<string, unknown>));
      if (rows.some(({ path }) => path === '/api/end-of-test')) stop.abort();
    },
  });
  return rows.filter(({ path }) => path !== '/api/end-of-test');
}

describe('in the audit log', () => {
  it('a request without credentials leaves one row, without its query or its cookie', async () => {
    const cookie = 'pizzapi=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    expect((await fetch(`${s.url}/api/sessions?token=secret`, { headers: { cookie } })).status).toBe(401);
    expect(await refused()).toEqual([
      {
        kind: 'refused',
        at: expect.any(Number) as number,
        ...{ code: 'unauthenticated', ip: '127.0.0.1', method: 'GET', path: '/api/sessions' },
      },
    ]);
  });

  it('an upgrade from a foreign page leaves one row, which names the user and not the token', async () => {
    const protocols = [SUBPROTOCOL.msgpack, `bearer.${localToken(s.secret)}`];
    const url = `${s.url.replace('http', 'ws')}/ws/hub?a=secret`;
    expect(await refusal(url, protocols, { origin: 'http://evil.example' })).toMatchObject({ status: 403 });
    expect(await refused()).toEqual([
      {
        kind: 'refused',
        at: expect.any(Number) as number,
        ...{ code: 'forbidden_origin', ip: '127.0.0.1', method: 'GET', path: '/ws/hub', userId: 'owner' },
      },
    ]);
  });

  it('a sign-in link that was used leaves one row, without its token', async () => {
    const token = mintLinkToken(s.secret, Date.now());
    expect((await link(token)).status).toBe(200);
    expect((await link(token, `?token=${token}`)).status).toBe(401);
    const rows = await refused();
    expect(rows).toMatchObject([{ code: 'link_invalid', method: 'POST', path: '/api/auth/link' }]);
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('what was wrong but not refused leaves none', async () => {
    expect((await s.fetch('/api/sessions/nope')).status).toBe(404);
    expect((await s.fetch('/api/sessions', { method: 'POST', json: { cwd: 5 } })).status).toBe(400);
    expect((await s.fetch('/api/sessions')).status).toBe(200);
    expect(await refused()).toEqual([]);
  });
});

it('the metrics tell of refusals without a row, and of what the backbone survived', async () => {
  const text = await s.gateway.metrics.render();
  const { gatewayUnaudited, backboneReconnects, backboneStale, backboneGaps, backboneRebuilt } = METRICS;
  expect(text).toContain(`\n${gatewayUnaudited} 0\n`);
  // How much it had to survive is the machine's affair.
  for (const name of [backboneReconnects, backboneStale, backboneGaps, backboneRebuilt])
    expect(text).toMatch(new RegExp(`\n${name} \\d+\n`));
});
