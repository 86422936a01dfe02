import { isId } from '@pizzapi/protocol';

/** What the address says to show. */
export type Route = { page: 'home' } | { page: 'session'; sid: string; seq?: number } | { page: 'missing' };

/** `/`, `/s/<sid>`, `/s/<sid>#e<seq>`. */
export function parseRoute(path: string, hash: string): Route {
  if (path === '/' || path === '/index.html') return { page: 'home' };
  const sid = /^\/s\/([^/]+)\/?$/.exec(path)?.[1];
  if (!isId(sid)) return { page: 'missing' };
  const seq = /^#e(\d{1,15})$/.exec(hash)?.[1];
  return seq === undefined ? { page: 'session', sid } : { page: 'session', sid, seq: Number(seq) };
}

/** The one-time token of `/#login=<token>`, or undefined. */
export function loginToken(hash: string): string | undefined {
  const match = /^#login=(.+)$/.exec(hash);
  return match === null ? undefined : decodeURIComponent(match[1]!);
}
