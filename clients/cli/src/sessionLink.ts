import { isId, programUrl } from '@pizzapi/protocol';

/** The URL of a session's page, with the token when it is a share link. */
export interface SessionLink {
  /** The gateway's address for programs. */
  relayUrl: string;
  sid: string;
  /** The token of a share link. It is in the fragment, which browsers never send. */
  token: string | undefined;
}

/** Parses `<gateway>/s/<sid>` or `<gateway>/s/<sid>#share=<token>`. Returns undefined for any other text. */
export function parseSessionLink(text: string): SessionLink | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, hash } = new URL(text);
  const [, base, sid] = /^(.*)\/s\/([^/]+)\/?$/.exec(pathname) ?? [];
  if (base === undefined || !isId(sid)) return undefined;
  const token = new URLSearchParams(hash.slice(1)).get('share');
  return { relayUrl: programUrl(origin + base), sid, token: token === null || token === '' ? undefined : token };
}

/** Parses `<gateway>/l#<code>`, the short address of a share link. Returns undefined for any other text. */
export function parseShortLink(text: string): { relayUrl: string; code: string } | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, hash } = new URL(text);
  const code = /^#([\w-]{16})$/.exec(hash)?.[1];
  const base = /^(.*)\/l$/.exec(pathname)?.[1];
  return base === undefined || code === undefined ? undefined : { relayUrl: programUrl(origin + base), code };
}
