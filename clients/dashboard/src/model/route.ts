import { isId } from '@pizzapi/protocol';

export const SETTINGS_PAGES = ['account', 'notifications', 'devices', 'keys', 'people', 'audit'] as const;
export type SettingsPage = (typeof SETTINGS_PAGES)[number];

/** What the address says to show. */
export type Route =
  | { page: 'home' }
  | { page: 'session'; sid: string; seq?: number }
  | { page: 'settings'; section: SettingsPage }
  | { page: 'pair'; code: string }
  /** An invitation to create an account. */
  | { page: 'invite'; token: string }
  /** The short address of a share link. */
  | { page: 'short'; code: string }
  | { page: 'missing' };

/** `/`, `/s/<sid>`, `/s/<sid>#e<seq>`, `/settings`, `/settings/<page>`, `/pair`, `/pair#<code>`, `/invite#<token>`, `/l#<code>`. */
export function parseRoute(path: string, hash: string): Route {
  if (path === '/' || path === '/index.html') return { page: 'home' };
  if (/^\/pair\/?$/.test(path)) return { page: 'pair', code: pairCode(hash.slice(1)) };
  if (/^\/invite\/?$/.test(path)) return { page: 'invite', token: hash.slice(1) };
  if (/^\/l\/?$/.test(path)) return { page: 'short', code: hash.slice(1) };
  const settings = /^\/settings(?:\/([a-z]*))?\/?$/.exec(path);
  if (settings !== null) {
    const section = SETTINGS_PAGES.find((name) => name === (settings[1] || 'account'));
    return section === undefined ? { page: 'missing' } : { page: 'settings', section };
  }
  const sid = /^\/s\/([^/]+)\/?$/.exec(path)?.[1];
  if (!isId(sid)) return { page: 'missing' };
  const seq = /^#e(\d{1,15})$/.exec(hash)?.[1];
  return seq === undefined ? { page: 'session', sid } : { page: 'session', sid, seq: Number(seq) };
}

/** The path that the issuer sends browsers back to. It is never a page to stay at. */
export const CALLBACK_PATH = '/auth/oidc/callback';

/** The one-time token of `/#login=<token>`, or undefined. */
export function loginToken(hash: string): string | undefined {
  const match = /^#login=(.+)$/.exec(hash);
  return match === null ? undefined : decodeURIComponent(match[1]!);
}

/** Characters of a pairing code, without its dash. */
export const PAIR_CODE_CHARS = 8;

/** A pairing code as it is shown, `XXXX-XXXX`, of whatever was typed or scanned so far. */
export function pairCode(typed: string): string {
  const chars = typed
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .slice(0, PAIR_CODE_CHARS);
  return chars.length <= 4 ? chars : `${chars.slice(0, 4)}-${chars.slice(4)}`;
}
