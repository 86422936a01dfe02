import { isId, programUrl } from '@pizzapi/protocol';

/** An address of a session's page, with what opens it if it is a share link. */
export interface SessionLink {
  /** The gateway's, as a program reaches it. */
  relayUrl: string;
  sid: string;
  /** The token of a share link: it stands in the fragment, which browsers never send. */
  token: string | undefined;
}

/** Reads `<relay>/s/<sid>` or `<relay>/s/<sid>#share=<token>`. Undefined for any other text. */
export function parseSessionLink(text: string): SessionLink | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, pathname, hash } = new URL(text);
  const [, base, sid] = /^(.*)\/s\/([^/]+)\/?$/.exec(pathname) ?? [];
  if (base === undefined || !isId(sid)) return undefined;
  const token = new URLSearchParams(hash.slice(1)).get('share');
  return { relayUrl: programUrl(origin + base), sid, token: token === null || token === '' ? undefined : token };
}
