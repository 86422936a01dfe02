import { tokenKind } from '@pizzapi/process';
import type { PairPollReply, PairReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Browser } from '../testing/browser.js';
import { pageOf } from '../testing/browser.js';
import { PATIENT } from '../testing/patience.js';
import type { TestPerson } from '../testing/people.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { auditRows } from '../testing/auditRows.js';

let s: GatewayScenario;
let eve: TestPerson;
let program: Browser;
beforeAll(async () => {
  s = await startScenario({ natsUrl: 'nats://nats.example.com:4222' });
  eve = await s.person('Eve');
});
beforeEach(() => {
  program = new Browser(s.url);
});
afterAll(() => s.end());

const ask = async (kind = 'runner', name = 'build box') =>
  (await program.ask('/api/pair', { kind, name })).body as PairReply;
const poll = (secret: string) => program.ask('/api/pair/poll', { secret });
const answer = (code: string, verb: 'approve' | 'deny', token = eve.token) =>
  s.fetch(`/api/pair/${code}/${verb}`, { method: 'POST', token });

describe('pairing', () => {
  it('gives the program a key of who approved it, once', async () => {
    const { code, secret, verifyUrl, expiresAt } = await ask();
    expect(code).toMatch(/^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/);
    expect(verifyUrl).toBe(`${pageOf(s.url)}/pair#${code}`);
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(600_000);
    expect(await poll(secret)).toMatchObject({ status: 200, body: { status: 'pending' } });

    const typed = code.replace('-', '').toLowerCase();
    const shown = await s.fetch(`/api/pair/${typed}`, { token: eve.token });
    expect(await shown.json()).toEqual({ code, kind: 'runner', name: 'build box', ip: '127.0.0.1', expiresAt });
    expect((await answer(typed, 'approve')).status).toBe(204);
    expect((await answer(code, 'approve')).status).toBe(404);

    const answers = await Promise.all([poll(secret), poll(secret), poll(secret)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404]);
    const got = answers.find(({ status }) => status === 200)!.body as PairPollReply;
    expect(got).toMatchObject({ status: 'approved', natsUrl: 'nats://nats.example.com:4222' });
    expect(tokenKind(got.token!)).toBe('runner');
    const keys = await (await s.fetch('/api/keys', { token: eve.token })).text();
    expect(keys).toContain('build box');
    await vi.waitFor(async () => {
      const rows = await auditRows(s);
      const kinds = rows.filter(({ name }) => name === 'build box').map(({ kind }) => kind);
      expect(kinds).toEqual(['pair_asked', 'pair_answered', 'key_created']);
      expect(JSON.stringify(rows)).not.toContain(got.token);
    }, PATIENT);
  });

  it('gives an API key that works to a program that asks for one', async () => {
    const { code, secret } = await ask('user', 'cli');
    await answer(code, 'approve');
    const { token, natsUrl } = (await poll(secret)).body as PairPollReply;
    expect(natsUrl).toBeUndefined();
    const me = await s.fetch('/api/auth/me', { token: token! });
    expect(await me.json()).toMatchObject({ userId: eve.userId, by: 'key' });
  });

  it('says so when it was denied, and is over then', async () => {
    const { code, secret } = await ask();
    expect((await answer(code, 'deny')).status).toBe(204);
    expect(await poll(secret)).toMatchObject({ status: 200, body: { status: 'denied' } });
    expect(await poll(secret)).toMatchObject({ status: 404, code: 'pair_not_found' });
  });

  it('works for the owner of a local run, who has no account before', async () => {
    const { code, secret } = await ask('user', 'local');
    expect((await s.fetch(`/api/pair/${code}/approve`, { method: 'POST' })).status).toBe(204);
    const { token } = (await poll(secret)).body as PairPollReply;
    expect(await (await s.fetch('/api/auth/me', { token: token! })).json()).toMatchObject({ userId: 'owner' });
  });

  it('is answered by who is signed in, and told to who holds the secret', async () => {
    const { code, secret } = await ask();
    expect((await program.ask(`/api/pair/${code}`)).status).toBe(401);
    expect((await program.ask(`/api/pair/${code}/approve`, {})).status).toBe(401);
    const stolen = `${secret.slice(0, 9)}${'A'.repeat(43)}`;
    for (const wrong of [stolen, 'x', '', 'a.b.>'])
      expect(await poll(wrong)).toMatchObject({ status: 404, code: 'pair_not_found' });
    expect((await poll(secret)).body).toMatchObject({ status: 'pending' });
  });

  it('lets nobody guess codes, or ask without end', async () => {
    const { url } = await s.start();
    const look = () => fetch(`${url}/api/pair/ABCDEFGH`, { headers: { authorization: `Bearer ${eve.token}` } });
    for (let i = 0; i < 10; i++) expect((await look()).status).toBe(404);
    expect((await look()).status).toBe(429);
    const asking = new Browser(url);
    for (let i = 0; i < 10; i++) expect((await asking.ask('/api/pair', { kind: 'user', name: 'x' })).status).toBe(201);
    const more = await asking.fetch('/api/pair', { kind: 'user', name: 'x' });
    expect(more.status).toBe(429);
    expect(Number(more.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
