import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { homeLayout } from './homeLayout.js';
import { readPrivateFileSync } from './privateFile.js';
import { isSameSecret } from './sameSecret.js';

/**
 * What the processes of one machine use to trust each other with the gateway: one secret in a file that only its owner
 * can read, and the tokens made from it. The gateway checks them; `pizzapi local` and the other commands mint them.
 */

/** How long a sign-in link may be used, in ms. */
export const LINK_TTL_MS = 15 * 60_000;

const SECRET_BYTES = 32;

/** Returns a fresh secret of a gateway, as text. */
export function newGatewaySecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** Returns the secret that a text holds, or undefined when it holds none. */
export function parseGatewaySecret(text: string): Buffer | undefined {
  const secret = Buffer.from(text, 'base64url');
  return secret.byteLength === SECRET_BYTES ? secret : undefined;
}

/**
 * Returns the secret that an option holds. Throws `bad_option`, without showing the text, when it holds none.
 */
export function givenGatewaySecret(given: string): Buffer {
  const secret = parseGatewaySecret(given);
  if (secret !== undefined) return secret;
  throw new CodedError(
    'bad_option',
    'PIZZAPI_GATEWAY_SECRET must be 32 bytes in base64url, as `pizzapi credentials` makes it',
  );
}

/** The secret of this home, or undefined when no gateway has ever started here (or the file is damaged). */
export function readGatewaySecret(home: string): Buffer | undefined {
  try {
    const value = readPrivateFileSync(homeLayout(home).gatewaySecretFile);
    const text = (value as { secret?: unknown } | null)?.secret;
    return typeof text === 'string' ? parseGatewaySecret(text) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The secret of this home, made on first use. Two processes that start at once agree on one. Throws `home_unusable` when
 * it is missing and the home cannot be written.
 */
export function ensureGatewaySecret(home: string): Buffer {
  const known = readGatewaySecret(home);
  if (known !== undefined) return known;
  const file = homeLayout(home).gatewaySecretFile;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return makeSecret(home, file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = `Cannot write ${file} (${code ?? 'unknown error'}); PIZZAPI_GATEWAY_SECRET can hold the secret instead`;
    throw new CodedError('home_unusable', what, { cause });
  }
}

function makeSecret(home: string, file: string): Buffer {
  const fresh = newGatewaySecret();
  const secret = Buffer.from(fresh, 'base64url');
  const text = `${JSON.stringify({ secret: fresh })}\n`;
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    return secret;
  } catch (error) {
    const raced = readGatewaySecret(home);
    if (raced !== undefined) return raced;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    writeFileSync(file, text, { mode: 0o600 });
    return secret;
  }
}

/** A key for one purpose, so that a signature made for one can never pass for another. */
export function deriveKey(
  secret: Uint8Array,
  purpose: 'link' | 'local' | 'share' | 'command' | 'device' | 'page' | 'issuer',
): Buffer {
  return createHmac('sha256', secret).update(`pizzapi/${purpose}`).digest();
}

function sign(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** A token for one sign-in: `<expiry in ms, base 36>.<nonce>.<signature>`. That it works once is the gateway's to see to. */
export function mintLinkToken(secret: Uint8Array, now: number, ttlMs = LINK_TTL_MS): string {
  const text = `${(now + ttlMs).toString(36)}.${randomBytes(16).toString('base64url')}`;
  return `${text}.${sign(deriveKey(secret, 'link'), text)}`;
}

/** What a link token is worth. `nonce` is what a gateway remembers, until `expiresAt` (ms), to accept it once. */
export type LinkCheck = { kind: 'valid'; nonce: string; expiresAt: number } | { kind: 'expired' } | { kind: 'invalid' };

/** Checks signature and expiry. Total over any string. */
export function checkLinkToken(secret: Uint8Array, token: string, now: number): LinkCheck {
  const match = /^([0-9a-z]{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/.exec(token);
  if (match === null) return { kind: 'invalid' };
  const [, expiry, nonce, signature] = match as unknown as [string, string, string, string];
  if (!isSameSecret(signature, sign(deriveKey(secret, 'link'), `${expiry}.${nonce}`))) return { kind: 'invalid' };
  const expiresAt = Number.parseInt(expiry, 36);
  return expiresAt <= now ? { kind: 'expired' } : { kind: 'valid', nonce, expiresAt };
}

/** The link that a person opens: the token sits in the fragment, which browsers never send to a server. */
export function loginUrl(url: string, token: string): string {
  return `${url.replace(/\/+$/, '')}/#login=${token}`;
}

/** The bearer token of the owner's programs on this machine: a process that can read the secret may act as the owner. */
export function localToken(secret: Uint8Array): string {
  return `local.${sign(deriveKey(secret, 'local'), 'owner')}`;
}

/** Tells whether a bearer is `localToken` of this secret; the token is made once, not at every question. */
export function localTokenChecker(secret: Uint8Array): (token: string) => boolean {
  const right = localToken(secret);
  return (token) => isSameSecret(token, right);
}
