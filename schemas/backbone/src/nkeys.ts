import { createHmac, createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';

/**
 * nkeys: Ed25519 keys in NATS' text form: base 32 of a prefix that says what the key is for, the 32 bytes, and a
 * CRC-16 (nats-io/nkeys). node:crypto signs; the client's own library does the same in JavaScript, 200 times slower.
 */
export type NkeyKind = 'user' | 'account' | 'server';

const PREFIX: Readonly<Record<NkeyKind, number>> = { user: 20 << 3, account: 0, server: 13 << 3 };
const SEED_PREFIX = 18 << 3;
const KEY_BYTES = 32;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** A key that can sign. */
export interface Nkey {
  readonly kind: NkeyKind;
  /** `U…`, `A…` or `N…`. */
  readonly publicKey: string;
  sign: (data: string | Uint8Array) => Buffer;
}

/** A fresh seed: `SU…`, `SA…` or `SN…`. */
export function createNkeySeed(kind: NkeyKind): string {
  return encodeSeed(kind, randomBytes(KEY_BYTES));
}

/** The key of a seed. Throws a `TypeError` for what is none; the seed is never part of the message. */
export function openNkey(seed: string): Nkey {
  const { kind, raw } = decodeSeed(seed);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, raw]), format: 'der', type: 'pkcs8' });
  return { kind, publicKey: publicKeyOf(kind, key), sign: (data) => sign(null, Buffer.from(data), key) };
}

/** Whether a text is a seed of this kind. */
export function isNkeySeed(seed: unknown, kind: NkeyKind): boolean {
  try {
    return typeof seed === 'string' && decodeSeed(seed).kind === kind;
  } catch {
    return false;
  }
}

/** Another seed of the same kind that only who has `seed` can make, one a purpose. */
export function deriveNkeySeed(seed: string, purpose: string): string {
  const { kind, raw } = decodeSeed(seed);
  return encodeSeed(kind, createHmac('sha256', raw).update(`pizzapi/${purpose}`).digest());
}

/** Whether a signature is the one of `publicKey`, which has to be of this kind. Total over any text. */
export function verifyNkey(kind: NkeyKind, publicKey: string, data: string, signature: Uint8Array): boolean {
  const bytes = fromBase32(publicKey);
  if (bytes === undefined || bytes.length !== KEY_BYTES + 1 || bytes[0] !== PREFIX[kind]) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI, bytes.subarray(1)]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(data), key, signature);
}

/** Where a connection with this nkey gets its replies: the server's configuration lets nobody else listen there. */
export const inboxPrefixOfNkey = (publicKey: string): string => `_INBOX_${publicKey}`;

function publicKeyOf(kind: NkeyKind, key: KeyObject): string {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return toBase32(Buffer.concat([Buffer.from([PREFIX[kind]]), der.subarray(SPKI.length)]));
}

/** The kind sits across two bytes behind the prefix of seeds. */
function encodeSeed(kind: NkeyKind, raw: Uint8Array): string {
  const prefix = PREFIX[kind];
  return toBase32(Buffer.concat([Buffer.from([SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3]), raw]));
}

function decodeSeed(seed: string): { kind: NkeyKind; raw: Buffer } {
  const bytes = fromBase32(seed);
  if (bytes === undefined || bytes.length !== KEY_BYTES + 2 || (bytes[0]! & 0xf8) !== SEED_PREFIX)
    throw new TypeError('The text is not the seed of an nkey');
  const prefix = ((bytes[0]! & 7) << 5) | (bytes[1]! >> 3);
  const kind = (Object.keys(PREFIX) as NkeyKind[]).find((each) => PREFIX[each] === prefix);
  if (kind === undefined) throw new TypeError('The seed belongs to an nkey of another kind');
  return { kind, raw: bytes.subarray(2) };
}

function toBase32(bytes: Buffer): string {
  const checked = Buffer.concat([bytes, crc16(bytes)]);
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of checked) {
    held = ((held << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** The bytes without their checksum, or undefined when it does not fit. */
function fromBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  const all = Buffer.from(bytes);
  const body = all.subarray(0, -2);
  return all.length > 2 && crc16(body).equals(all.subarray(-2)) ? body : undefined;
}

/** CRC-16/XMODEM, little endian. */
function crc16(bytes: Uint8Array): Buffer {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return Buffer.from([crc & 0xff, crc >> 8]);
}
