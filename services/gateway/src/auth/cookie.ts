import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** The cookie of the dashboard. */
const COOKIE = 'pizzapi_session';
/** How long a sign-in lasts, in ms. */
const COOKIE_TTL_MS = 30 * 24 * 60 * 60_000;

const SHAPE = /^[0-9a-z]{1,12}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/;

const sign = (key: Uint8Array, text: string): string => createHmac('sha256', key).update(text).digest('base64url');

/** `<expiry in ms, base 36>.<nonce>.<signature>` */
export function mintCookie(key: Uint8Array, now: number): string {
  const text = `${(now + COOKIE_TTL_MS).toString(36)}.${randomBytes(16).toString('base64url')}`;
  return `${text}.${sign(key, text)}`;
}

/** Whether a cookie is ours and has not expired. Total over any string. */
export function checkCookie(key: Uint8Array, value: string, now: number): boolean {
  if (!SHAPE.test(value)) return false;
  const at = value.lastIndexOf('.');
  const given = Buffer.from(value.slice(at + 1));
  const right = Buffer.from(sign(key, value.slice(0, at)));
  if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
  return Number.parseInt(value.slice(0, value.indexOf('.')), 36) > now;
}

/** Our cookie's value in a `Cookie` header. */
export function readCookie(header: string | undefined): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === COOKIE) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/**
 * The `Set-Cookie` header that keeps `value`, or drops the cookie when there is none. Strict: the page is open to anyone
 * and its own requests come from its own site, so deep links work all the same.
 */
export function writeCookie(value: string | undefined, secure: boolean): string {
  const maxAge = value === undefined ? 0 : COOKIE_TTL_MS / 1000;
  return `${COOKIE}=${value ?? ''}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}
