import { createHmac } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { MAX_SHARE_MS, ShareTokens } from './shareTokens.js';

const secret = Buffer.alloc(32, 7);
const start = 1_800_000_000_000;
let now = start;
const tokens = new ShareTokens(secret, () => now);
const claims = { sid: 's1', shareId: 'sh_1', mode: 'read', expiresAt: start + 60_000 } as const;

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { alg: string; kid: string };

/** A token with our own key, and one thing about it that is wrong. */
async function forged(change: { typ?: string; audience?: string; issuer?: string; jti?: string; kid?: string }) {
  const { kid } = headerOf(await tokens.sign(claims));
  const key = createHmac('sha256', secret).update(`pizzapi/share/${kid}`).digest();
  const jwt = new SignJWT({ mode: 'collab' })
    .setProtectedHeader({ alg: 'HS256', typ: change.typ ?? 'pizzapi-share+jwt', kid: change.kid ?? kid })
    .setIssuer(change.issuer ?? 'pizzapi')
    .setAudience(change.audience ?? 'pizzapi-share')
    .setSubject('s1')
    .setIssuedAt(start / 1_000)
    .setExpirationTime(start / 1_000 + 60);
  return (change.jti === '' ? jwt : jwt.setJti(change.jti ?? 'sh_1')).sign(key);
}

describe('a share token', () => {
  it('names the link it was made for', async () => {
    expect(await tokens.verify(await tokens.sign(claims))).toEqual({ sid: 's1', shareId: 'sh_1' });
    expect(await tokens.verify(await forged({}))).toEqual({ sid: 's1', shareId: 'sh_1' });
  });

  it('is worth nothing with any one of its bits flipped', async () => {
    const bytes = Buffer.from(await tokens.sign(claims));
    for (let at = 0; at < bytes.length; at++) {
      const bent = Buffer.from(bytes);
      bent[at] = bent[at]! ^ 1;
      expect(await tokens.verify(bent.toString('latin1')), `bit flipped at ${at}`).toBeUndefined();
    }
  });

  it.each([
    ['no algorithm', async () => new UnsecuredJWT({}).setSubject('s1').setJti('sh_1').encode()],
    [
      'no algorithm, and all the rest',
      async () => (await tokens.sign(claims)).replace(/^[^.]+/, part({ alg: 'none' })),
    ],
    [
      'an algorithm of public keys, signed with what would be the public one',
      async () => {
        const { kid } = headerOf(await tokens.sign(claims));
        const [, payload] = (await tokens.sign(claims)).split('.');
        const text = `${part({ alg: 'RS256', typ: 'pizzapi-share+jwt', kid })}.${payload}`;
        const key = createHmac('sha256', secret).update(`pizzapi/share/${kid}`).digest();
        return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
      },
    ],
    ['another type', () => forged({ typ: 'JWT' })],
    ['another audience', () => forged({ audience: 'pizzapi' })],
    ['another issuer', () => forged({ issuer: 'somebody' })],
    ['no id', () => forged({ jti: '' })],
    ['an id that is none', () => forged({ jti: 'a.b' })],
    ['a key nobody knows', () => forged({ kid: 's1' })],
    ['the secret of another installation', () => new ShareTokens(Buffer.alloc(32), () => now).sign(claims)],
    ['nothing in it', async () => ''],
    ['megabytes', async () => 'a'.repeat(1e6)],
  ])('with %s is none', async (_what, token) => {
    expect(await tokens.verify(await token())).toBeUndefined();
  });

  it('expires', async () => {
    const token = await tokens.sign(claims);
    now = claims.expiresAt - 1_000;
    expect(await tokens.verify(token)).toBeDefined();
    now = claims.expiresAt;
    expect(await tokens.verify(token)).toBeUndefined();
    now = start;
  });

  it('outlives the key that signed it, but never by more than one', async () => {
    const token = await tokens.sign({ ...claims, expiresAt: start + 3 * MAX_SHARE_MS });
    const first = headerOf(token).kid;
    now = start + MAX_SHARE_MS;
    expect(headerOf(await tokens.sign(claims)).kid).not.toBe(first);
    expect(await tokens.verify(token)).toBeDefined();
    now = start + 2 * MAX_SHARE_MS;
    expect(await tokens.verify(token)).toBeUndefined();
    now = start;
  });
});
