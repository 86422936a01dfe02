import { readGatewaySecret } from '@pizzapi/process';
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { newSession } from '../support/viewer.js';
import { ask, fromPageOf } from './support/http.js';
import { newKey, newShare, settleOwner, type Person } from './support/people.js';
import { join, refusal } from './support/socket.js';

let stage: LocalStack;
let ada: Person;
let sid: string;
let other: string;
let token: string;
let shareId: string;

beforeAll(async () => {
  stage = await startLocalStack();
  ada = await settleOwner(stage);
  [sid, other] = await Promise.all([newSession(stage), newSession(stage)]);
  ({ token, shareId } = await newShare(stage, stage.token, sid));
});
afterAll(() => stage.clear());

/** Where a token is offered, and what comes of it: the upgrade of a session's socket and the API. */
async function offered(bearer: string, to = sid): Promise<string[]> {
  const { status, code } = await ask(stage.url, `/api/sessions/${to}`, { bearer });
  return [await refusal(stage.url, `/ws/sessions/${to}`, { bearer }), `${status} ${code}`];
}
const REFUSED = ['403 forbidden', '403 forbidden'];

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;

interface Forgery {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  /** Instead of HMAC-SHA-256. */
  hash?: string;
  /** Instead of the right key. */
  key?: Buffer | string;
  signature?: string;
}

/** A token as the gateway itself would make it, but for what is asked for here. Undefined takes a field away. */
function forge({ header = {}, claims = {}, hash = 'sha256', key, signature }: Forgery): string {
  const [head, payload] = token.split('.') as [string, string];
  const whole = { ...read(head), ...header };
  const { kid } = read(head) as { kid: string };
  const right = createHmac('sha256', readGatewaySecret(stage.home)!).update(`pizzapi/share/${kid}`).digest();
  const text = `${part(whole)}.${part({ ...read(payload), ...claims })}`;
  return `${text}.${
    signature ??
    createHmac(hash, key ?? right)
      .update(text)
      .digest('base64url')
  }`;
}

describe('(5) a share token', () => {
  it('opens its session, and so does one that is forged with the right key: what follows fails for what is wrong', async () => {
    expect(await offered(token)).toEqual(['open', '200 undefined']);
    expect(await offered(forge({}))).toEqual(['open', '200 undefined']);
  });

  const past = () => Math.floor(Date.now() / 1_000) - 60;
  const wrong: [what: string, forgery: () => string][] = [
    ['alg: none', () => forge({ header: { alg: 'none' }, signature: '' })],
    ['alg: None', () => forge({ header: { alg: 'None' }, signature: '' })],
    ['alg: none, with the old signature', () => forge({ header: { alg: 'none' } })],
    ['no algorithm', () => forge({ header: { alg: undefined } })],
    ['RS256 in the header and our HMAC behind it', () => forge({ header: { alg: 'RS256' } })],
    ['ES256 in the header and our HMAC behind it', () => forge({ header: { alg: 'ES256' } })],
    ['HS512 with the right key', () => forge({ header: { alg: 'HS512' }, hash: 'sha512' })],
    ['the key in its own header', () => forge({ header: { jwk: { kty: 'oct', k: 'AAAA' } }, key: Buffer.alloc(3) })],
    ['an empty key', () => forge({ key: '' })],
    ['its key id as the key', () => forge({ key: String(read(token.split('.')[0]!)['kid']) })],
    ['a key id that is a path', () => forge({ header: { kid: '../../../../dev/null' }, key: '' })],
    ['a key id that every object has', () => forge({ header: { kid: '__proto__' } })],
    ['the key id of another time', () => forge({ header: { kid: 's1' } })],
    ['no key id', () => forge({ header: { kid: undefined } })],
    ['an extension nobody knows', () => forge({ header: { crit: ['x'], x: 1 } })],
    ['another audience', () => forge({ claims: { aud: 'pizzapi' } })],
    ['no audience', () => forge({ claims: { aud: undefined } })],
    ['another issuer', () => forge({ claims: { iss: 'https://evil.example' } })],
    ['another type', () => forge({ header: { typ: 'JWT' } })],
    ['no type', () => forge({ header: { typ: undefined } })],
    ['an expiry that is over', () => forge({ claims: { exp: past() } })],
    ['no expiry', () => forge({ claims: { exp: undefined } })],
    ['an expiry that is text', () => forge({ claims: { exp: '9999999999' } })],
    ['a start in the future', () => forge({ claims: { nbf: past() + 3_600 } })],
    ['a link that was never made', () => forge({ claims: { jti: 'sh_never' } })],
    ['a link’s id that is a pattern', () => forge({ claims: { jti: '*' } })],
    ['no link', () => forge({ claims: { jti: undefined } })],
    ['a part too many', () => `${token}.x`],
    ['a part too few', () => token.split('.').slice(0, 2).join('.')],
  ];
  it.each(wrong)('with %s is 403', async (_what, forgery) => {
    expect(await offered(forgery())).toEqual(REFUSED);
  });

  it('with any one of its characters changed by a bit is 403', async () => {
    const bits = [...token].flatMap((char, at) => {
      const bent = String.fromCharCode(char.charCodeAt(0) ^ 1);
      return /[\w.-]/.test(bent) ? [token.slice(0, at) + bent + token.slice(at + 1)] : [];
    });
    expect(bits.length).toBeGreaterThan(100);
    for (const bent of bits) {
      const answer = await ask(stage.url, `/api/sessions/${sid}`, { bearer: bent });
      expect([answer.status, answer.code], bent).toEqual([403, 'forbidden']);
    }
    for (const bent of bits.filter((_bent, at) => at % 20 === 0))
      expect(await refusal(stage.url, `/ws/sessions/${sid}`, { bearer: bent }), bent).toBe('403 forbidden');
  });

  it('of another session is 403, also when it names this one', async () => {
    expect(await offered(token, other)).toEqual(REFUSED);
    const { token: foreign, shareId: foreignId } = await newShare(stage, stage.token, other);
    expect(await offered(foreign)).toEqual(REFUSED);
    expect(await offered(forge({ claims: { sub: sid, jti: foreignId } }))).toEqual(REFUSED);
    expect(await offered(forge({ claims: { sub: other, jti: shareId } }), other)).toEqual(REFUSED);
  });

  it('says what its link may do for people to read: what counts is the link', async () => {
    const socket = await join(stage.url, `/ws/sessions/${sid}`, { bearer: forge({ claims: { mode: 'collab' } }) });
    expect(await socket.heard('hello')).toMatchObject({ mode: 'read' });
    socket.close();
  });

  it('of a link that was revoked is 403', async () => {
    const { token: revoked, shareId: id } = await newShare(stage, stage.token, sid);
    expect(await offered(revoked)).toEqual(['open', '200 undefined']);
    const path = `/api/sessions/${sid}/shares/${id}`;
    expect((await ask(stage.url, path, { method: 'DELETE', bearer: stage.token })).status).toBe(204);
    expect(await offered(revoked)).toEqual(REFUSED);
  });

  it('is never told back: not in the list of links, not in the handshake, not in an error', async () => {
    const list = await ask(stage.url, `/api/sessions/${sid}/shares`, { bearer: stage.token });
    expect(list.json).toMatchObject({
      shares: expect.arrayContaining([expect.objectContaining({ shareId })]) as unknown,
    });
    expect(list.text).not.toContain(token);
    const socket = await join(stage.url, `/ws/sessions/${sid}`, { bearer: token });
    expect(socket.protocol).toBe('pizzapi.v1.msgpack');
    socket.close();
    expect((await ask(stage.url, '/api/sessions', { bearer: token })).text).not.toContain(token);
  });
});

describe('(6) what lets in elsewhere, offered as a share token', () => {
  it('a session cookie is 403', async () => {
    const value = ada.cookie.slice(ada.cookie.indexOf('=') + 1);
    expect(await offered(value)).toEqual(REFUSED);
  });

  it('a runner token is 403, alone and as a host shows it', async () => {
    const runner = await newKey(stage, ada, { name: 'host', kind: 'runner' });
    expect(await offered(runner.token)).toEqual(REFUSED);
    expect(await offered(`${runner.token}.${'s'.repeat(32)}`)).toEqual(REFUSED);
  });

  it('an API key that was mistyped, a sign-in link and what stands before a secret are 403', async () => {
    const bent = ada.token.slice(0, -1) + (ada.token.endsWith('0') ? '1' : '0');
    const link = stage.loginUrl.slice(stage.loginUrl.indexOf('=') + 1);
    for (const bearer of [bent, link, 'local.', 'local.AAAA', 'pzk_', 'pzr_', 'undefined', 'null'])
      expect(await offered(bearer), bearer).toEqual(REFUSED);
  });

  it('and a share token is nobody’s cookie: 401', async () => {
    for (const name of ['pizzapi', '__Host-pizzapi']) {
      const headers = { ...fromPageOf(stage.url), cookie: `${name}=${token}`, 'pizzapi-page-token': token };
      expect((await ask(stage.url, `/api/sessions/${sid}`, { headers })).status).toBe(401);
      expect(await refusal(stage.url, `/ws/sessions/${sid}`, { headers })).toBe('401 unauthenticated');
    }
  });

  it('a token in the address is none: addresses are kept in logs', async () => {
    for (const name of ['token', 'access_token', 'share', 'bearer'])
      expect((await ask(stage.url, `/api/sessions/${sid}?${name}=${token}`)).status, name).toBe(401);
  });
});
