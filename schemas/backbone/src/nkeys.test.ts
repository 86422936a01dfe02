import { nkeys } from '@nats-io/nats-core';
import { describe, expect, it } from 'vitest';
import { createNkeySeed, deriveNkeySeed, isNkeySeed, openNkey, verifyNkey, type NkeyKind } from './nkeys.js';

const KINDS: [NkeyKind, string][] = [
  ['user', 'U'],
  ['account', 'A'],
  ['server', 'N'],
];
const data = 'what is signed';

describe.each(KINDS)('the nkey of a %s', (kind, letter) => {
  it('reads and writes the same text as the library of NATS', () => {
    const seed = createNkeySeed(kind);
    expect(seed).toMatch(new RegExp(`^S${letter}[A-Z2-7]{56}$`));
    const theirs = nkeys.fromSeed(Buffer.from(seed));
    expect(openNkey(seed).publicKey).toBe(theirs.getPublicKey());
  });

  it('signs what the library accepts, and accepts what the library signs', () => {
    const seed = createNkeySeed(kind);
    const { publicKey, sign } = openNkey(seed);
    const theirs = nkeys.fromSeed(Buffer.from(seed));
    expect(theirs.verify(Buffer.from(data), sign(data))).toBe(true);
    expect(verifyNkey(kind, publicKey, data, theirs.sign(Buffer.from(data)))).toBe(true);
    expect(verifyNkey(kind, publicKey, `${data}!`, sign(data))).toBe(false);
  });
});

describe('an nkey', () => {
  const seed = createNkeySeed('user');
  const { publicKey, sign } = openNkey(seed);

  it('of one kind does not pass for another', () => {
    expect(isNkeySeed(seed, 'user')).toBe(true);
    expect(isNkeySeed(seed, 'account')).toBe(false);
    expect(verifyNkey('account', publicKey, data, sign(data))).toBe(false);
  });

  it('that was mistyped, cut or is something else is none, and no error shows the seed', () => {
    const other = seed[10] === 'A' ? 'B' : 'A';
    const wrong = [
      seed.slice(0, -1),
      `${seed.slice(0, 10)}${other}${seed.slice(11)}`,
      publicKey,
      '',
      'S',
      'ß',
      undefined,
    ];
    for (const text of wrong) expect(isNkeySeed(text, 'user'), String(text)).toBe(false);
    expect(() => openNkey(seed.slice(0, -1))).toThrow(/^The text is not the seed of an nkey$/);
    expect(verifyNkey('user', publicKey.slice(1), data, sign(data))).toBe(false);
    expect(verifyNkey('user', publicKey, data, Buffer.alloc(3))).toBe(false);
  });

  it('leads to one other key a purpose, of the same kind', () => {
    expect(deriveNkeySeed(seed, 'state')).toBe(deriveNkeySeed(seed, 'state'));
    expect(new Set([seed, deriveNkeySeed(seed, 'state'), deriveNkeySeed(seed, 'other')]).size).toBe(3);
    expect(isNkeySeed(deriveNkeySeed(seed, 'state'), 'user')).toBe(true);
  });
});
