import { errorInfo } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { guestEnd, readShare, shareToken } from './shareLink.js';

const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims: object) => `${text({ alg: 'HS256' })}.${text(claims)}.c2ln`;
const good = { sub: 's1', jti: 'x1', mode: 'collab', exp: 1_000 };
const claims = { sid: 's1', shareId: 'x1', mode: 'collab', expiresAt: 1_000_000 } as const;

it('the token is what stands behind #share=', () => {
  const token = tokenOf(good);
  expect(shareToken(`#share=${token}`)).toBe(token);
  expect(shareToken('#e12')).toBeUndefined();
  expect(shareToken('')).toBeUndefined();
});

it.each(['#share=', '#share=abc', '#share=a.b', '#share=a.b.c d', '#share=a.b.c,pizzapi.v1', '#share=a.b.c\nx'])(
  '%j holds no token that could be sent',
  (hash) => {
    expect(shareToken(hash)).toBe('');
  },
);

it('a token says which session it opens, how, and until when', () => {
  expect(readShare(tokenOf(good))).toEqual(claims);
  expect(readShare(tokenOf({ ...good, sub: 'ß÷ÿ' }))).toMatchObject({ sid: 'ß÷ÿ' });
});

it.each(['', '..', 'a.b.c', `a.${text('x')}.c`, tokenOf({ ...good, mode: 'owner' }), tokenOf({ ...good, exp: '9' })])(
  'nothing is read from %j',
  (token) => {
    expect(readShare(token)).toBeUndefined();
  },
);

it('a guest is told why the session is not shown', () => {
  const refused = errorInfo('forbidden');
  expect(guestEnd(undefined, undefined, false, 0).title).toBe('This link is incomplete');
  expect(guestEnd(claims, refused, true, 1_000_000).title).toBe('This link has expired');
  expect(guestEnd(claims, refused, true, 999_999).title).toBe('This link was revoked');
  expect(guestEnd(claims, refused, false, 0).title).toBe('This link does not open a session');
  expect(guestEnd(claims, errorInfo('session_gone'), true, 2_000_000).title).toBe('This session was deleted');
});
