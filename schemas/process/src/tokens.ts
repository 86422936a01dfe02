import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * API keys and runner tokens: `pzk_` or `pzr_`, 32 random characters, and a checksum of 6, all base 62, so that a
 * scanner recognises one and a mistyped one is refused without a look-up. Stored as SHA-256 only.
 */
const PREFIX = { user: 'pzk_', runner: 'pzr_' } as const;
export type TokenKind = keyof typeof PREFIX;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_CHARS = 32;
const CHECK_CHARS = 6;
const SHAPE = /^(pzk_|pzr_)([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** A fresh token: 190 random bits. */
export function mintToken(kind: TokenKind): string {
  const body = PREFIX[kind] + randomText(RANDOM_CHARS);
  return body + checksum(body);
}

/** What kind of token a text is, or undefined when it is none or was mistyped. Says nothing of its being valid. */
export function tokenKind(text: string): TokenKind | undefined {
  const match = SHAPE.exec(text);
  if (match === null || checksum(text.slice(0, -CHECK_CHARS)) !== match[3]) return undefined;
  return match[1] === PREFIX.user ? 'user' : 'runner';
}

/** What is stored of a secret, hex. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** The part of a token that may be shown. */
export const tokenHint = (token: string): string => token.slice(0, 8);

/** Random base 62 text without bias. */
export function randomText(length: number, alphabet: string = ALPHABET): string {
  const bound = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < bound && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

function checksum(text: string): string {
  let rest = crc32(text);
  let out = '';
  for (let i = 0; i < CHECK_CHARS; i++) {
    out = ALPHABET[rest % ALPHABET.length]! + out;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return out;
}
