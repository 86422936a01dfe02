import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mintToken, randomText, secretHash, tokenHint, tokenKind } from './tokens.js';

it('a fresh token says what it is for, and shows no more than its prefix', () => {
  for (const kind of ['user', 'runner'] as const) {
    const token = mintToken(kind);
    expect(token).toMatch(kind === 'user' ? /^pzk_[0-9A-Za-z]{38}$/ : /^pzr_[0-9A-Za-z]{38}$/);
    expect(tokenKind(token)).toBe(kind);
    expect(tokenHint(token)).toHaveLength(8);
    expect(mintToken(kind)).not.toBe(token);
  }
});

it('a mistyped token is none: any one character changed, cut or added', () => {
  const token = mintToken('user');
  fc.assert(
    fc.property(fc.nat({ max: token.length - 1 }), fc.constantFrom(...'abcXYZ019_.'), (at, char) => {
      const changed = token.slice(0, at) + char + token.slice(at + 1);
      expect(tokenKind(changed)).toBe(changed === token ? 'user' : undefined);
    }),
  );
  expect(tokenKind(token.slice(1))).toBeUndefined();
  expect(tokenKind(`${token}a`)).toBeUndefined();
  expect(tokenKind(token.replace('pzk_', 'pzr_'))).toBeUndefined();
});

it('what is stored of a token is its SHA-256', () => {
  expect(secretHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

it('random text has the length and the characters asked for', () => {
  expect(randomText(500, 'ab')).toMatch(/^[ab]{500}$/);
});
