import { bucket } from '@pizzapi/backbone';
import { secretHash, tokenKind } from '@pizzapi/process';
import { SUBPROTOCOL, type KeyInfo, type KeyRow, type NewKeyReply } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refusal } from '../testing/client.js';
import { PATIENT } from '../testing/patience.js';
import type { TestPerson } from '../testing/people.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { auditRows } from '../testing/auditRows.js';

let s: GatewayScenario;
let eve: TestPerson;
beforeAll(async () => {
  s = await startScenario();
  eve = await s.person('Eve');
});
afterAll(() => s.end());

const create = async (json: object, token?: string): Promise<NewKeyReply> => {
  const answer = await s.fetch('/api/keys', { method: 'POST', json, ...(token === undefined ? {} : { token }) });
  expect(answer.status).toBe(201);
  return (await answer.json()) as NewKeyReply;
};
const list = async (token?: string) =>
  ((await (await s.fetch('/api/keys', token === undefined ? {} : { token })).json()) as { keys: KeyInfo[] }).keys;
const me = async (token: string) => (await s.fetch('/api/auth/me', { token })).status;

describe('a key', () => {
  it('does not set a password: revoking it would not take that back', async () => {
    const { token } = await create({ name: 'thief' });
    const next = { email: 'thief@example.com', next: 'Stolen key 1' };
    const answer = await s.fetch('/api/auth/password', { method: 'POST', json: next, token });
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: 'forbidden' } });
    expect(await (await s.fetch('/api/auth/options')).json()).toMatchObject({ accounts: false });
  });

  it('is told once, kept as a hash, and opens the API for who made it until it is revoked', async () => {
    const { key, token } = await create({ name: 'laptop' });
    expect(tokenKind(token)).toBe('user');
    expect(key).toMatchObject({ name: 'laptop', kind: 'user', hint: token.slice(0, 8) });
    const row = await bucket<KeyRow>(s.b, 'api-keys').get(secretHash(token));
    expect(row?.value).toMatchObject({ id: key.id, userId: 'owner' });
    expect(JSON.stringify([row, await list()])).not.toContain(token);
    expect(await (await s.fetch('/api/auth/me', { token })).json()).toMatchObject({ userId: 'owner', by: 'key' });

    expect((await s.fetch(`/api/keys/${key.id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await me(token)).toBe(403);
    expect((await list()).map(({ id }) => id)).not.toContain(key.id);
    await vi.waitFor(async () => {
      const rows = await auditRows(s);
      const kinds = rows.filter(({ keyId }) => keyId === key.id).map(({ kind }) => kind);
      expect(kinds).toEqual(['key_created', 'key_revoked']);
      expect(JSON.stringify(rows)).not.toContain(token);
    }, PATIENT);
  });

  it('shows when and from where it was last used', async () => {
    const { key, token } = await create({ name: 'used' });
    await me(token);
    await vi.waitFor(async () => {
      const shown = (await list()).find(({ id }) => id === key.id);
      expect(shown).toMatchObject({ lastUsedAt: expect.any(Number) as number, lastUsedFrom: '127.0.0.1' });
    }, PATIENT);
    const before = await bucket<KeyRow>(s.b, 'api-keys').get(secretHash(token));
    await me(token);
    await me(token);
    expect(await bucket<KeyRow>(s.b, 'api-keys').get(secretHash(token))).toEqual(before);
  });

  it('of somebody else is not there: not in the list, not to be revoked', async () => {
    const { key } = await create({ name: 'mine' });
    expect((await list(eve.token)).map(({ name }) => name)).toEqual(['Eve']);
    const [other, unknown] = await Promise.all(
      [key.id, 'k_unknown'].map((id) => s.fetch(`/api/keys/${id}`, { method: 'DELETE', token: eve.token })),
    );
    const text = async (answer: Response, id: string) => (await answer.text()).replaceAll(id, 'ID');
    expect([other!.status, unknown!.status]).toEqual([404, 404]);
    expect(await text(other!, key.id)).toBe(await text(unknown!, 'k_unknown'));
    expect((await list()).map(({ id }) => id)).toContain(key.id);
  });

  it('ends by itself when it was made for a time', async () => {
    const { key } = await create({ name: 'short', expiresIn: '2m' });
    expect(key.expiresAt! - key.createdAt).toBe(120_000);
    for (const expiresIn of ['soon', '5s', 30]) {
      const answer = await s.fetch('/api/keys', { method: 'POST', json: { name: 'x', expiresIn } });
      expect(answer.status).toBe(400);
    }
    const rows = bucket<KeyRow>(s.b, 'api-keys');
    const token = (await create({ name: 'past', expiresIn: '1m' })).token;
    const { value, revision } = (await rows.get(secretHash(token)))!;
    await rows.update(secretHash(token), { ...value, expiresAt: Date.now() - 1 }, revision);
    await vi.waitFor(async () => expect(await me(token)).toBe(403), PATIENT);
  });

  it('that was mistyped, or is for a runner, is no credential: not of a request, not of a socket', async () => {
    const { token } = await create({ name: 'host', kind: 'runner' });
    expect(tokenKind(token)).toBe('runner');
    const mistyped = eve.token.slice(0, -1) + (eve.token.endsWith('a') ? 'b' : 'a');
    for (const bearer of [token, mistyped]) {
      expect(await me(bearer)).toBe(403);
      const socket = refusal(s.url.replace('http', 'ws') + '/ws/hub', [SUBPROTOCOL.msgpack, `bearer.${bearer}`]);
      expect(await socket).toEqual({ status: 403, code: 'forbidden' });
    }
  });
});
