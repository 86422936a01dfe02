import { isId, parseTerminalId } from '@pizzapi/protocol';
import type { HostTabId, HostTarget } from './hostTabs.js';

export const SETTINGS_PAGES = ['account', 'notifications', 'devices', 'keys', 'people', 'audit'] as const;
export type SettingsPage = (typeof SETTINGS_PAGES)[number];

/** What the address says to show. */
export type Route =
  | { page: 'home' }
  | { page: 'session'; sid: string; seq?: number }
  | { page: 'settings'; section: SettingsPage }
  /** A host: its terminals, or one of them, and its files. */
  | { page: 'host'; rid: string; tab?: HostTabId; target?: HostTarget }
  | { page: 'pair'; code: string }
  /** An invitation to create an account. */
  | { page: 'invite'; token: string }
  /** The short address of a share link. */
  | { page: 'short'; code: string }
  | { page: 'missing' };

/**
 * `/`, `/s/<sid>`, `/s/<sid>#e<seq>`, `/hosts/<rid>`, `/hosts/<rid>/terminals`, `/hosts/<rid>/terminals/<tid>`,
 * `/hosts/<rid>/files`, `/hosts/<rid>/files#<path>:<line>`, `/settings`, `/settings/<page>`, `/pair`, `/pair#<code>`,
 * `/invite#<token>`, `/l#<code>`.
 */
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
  if (path.startsWith('/hosts/')) return hostRoute(path, hash);
  const sid = /^\/s\/([^/]+)\/?$/.exec(path)?.[1];
  if (!isId(sid)) return { page: 'missing' };
  const seq = /^#e(\d{1,15})$/.exec(hash)?.[1];
  return seq === undefined ? { page: 'session', sid } : { page: 'session', sid, seq: Number(seq) };
}

function hostRoute(path: string, hash: string): Route {
  const [, rid, tab, terminalId] = /^\/hosts\/([^/]+)(?:\/(terminals|files)(?:\/([^/]+))?)?\/?$/.exec(path) ?? [];
  const isTerminal = tab === 'terminals' && parseTerminalId(terminalId ?? '')?.runnerId === rid;
  if (!isId(rid) || (terminalId !== undefined && !isTerminal)) return { page: 'missing' };
  if (tab === undefined) return { page: 'host', rid };
  if (tab === 'terminals')
    return { page: 'host', rid, tab, ...(terminalId === undefined ? {} : { target: { terminalId } }) };
  const target = filePlace(hash.slice(1));
  return { page: 'host', rid, tab: 'files', ...(target === undefined ? {} : { target }) };
}

/** The file of an encoded path, with `:<line>` after it if there is one. */
function filePlace(encoded: string): HostTarget | undefined {
  try {
    const [, path, line] = /^(.+?)(?::(\d{1,9}))?$/s.exec(decodeURIComponent(encoded)) ?? [];
    return path === undefined ? undefined : { path, ...(line === undefined ? {} : { line: Number(line) }) };
  } catch {
    return undefined;
  }
}

/** The path of the page that shows a host, or something of it. */
export function hostPath(rid: string, tab?: HostTabId, target: HostTarget = {}): string {
  const { path, line, terminalId } = target;
  const part = tab === 'terminals' && terminalId !== undefined ? `/${terminalId}` : '';
  const place = path === undefined ? '' : `#${encodeURIComponent(path)}${line === undefined ? '' : `:${line}`}`;
  return `/hosts/${rid}${tab === undefined ? '' : `/${tab}`}${part}${tab === 'files' ? place : ''}`;
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
