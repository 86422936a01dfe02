import type { IncomingHttpHeaders } from 'node:http';
import { checkLinkToken, deriveKey, isLocalToken } from '@pizzapi/process';
import { BEARER_PREFIX } from '@pizzapi/protocol';
import { checkCookie, mintCookie, readCookie } from './cookie.js';
import { owner, type Principal } from './principal.js';
import type { UsedLinks } from './usedLinks.js';

/** Whom a request speaks for. */
export type Authentication =
  | { kind: 'principal'; principal: Principal; by: 'cookie' | 'bearer' }
  /** No credential at all. */
  | { kind: 'none' }
  /** A credential that is not valid: tampered, expired, or somebody else's. */
  | { kind: 'invalid'; by: 'cookie' | 'bearer' };

/** The one place that knows what counts as a credential. */
export class Credentials {
  private readonly cookieKey: Buffer;

  constructor(
    private readonly secret: Buffer,
    private readonly used: UsedLinks,
    private readonly now: () => number = Date.now,
  ) {
    this.cookieKey = deriveKey(secret, 'cookie');
  }

  /** A bearer goes before a cookie: who sends one means it. */
  authenticate(headers: IncomingHttpHeaders): Authentication {
    const bearer = bearerOf(headers);
    if (bearer !== undefined) {
      if (isLocalToken(this.secret, bearer)) return { kind: 'principal', principal: owner('api'), by: 'bearer' };
      return { kind: 'invalid', by: 'bearer' };
    }
    const cookie = readCookie(headers.cookie);
    if (cookie === undefined) return { kind: 'none' };
    if (!checkCookie(this.cookieKey, cookie, this.now())) return { kind: 'invalid', by: 'cookie' };
    return { kind: 'principal', principal: owner('owner'), by: 'cookie' };
  }

  /** A cookie for a one-time link, or undefined when the link is not, or no longer, valid. */
  async trade(token: string): Promise<string | undefined> {
    const now = this.now();
    const link = checkLinkToken(this.secret, token, now);
    if (link.kind !== 'valid' || !(await this.used.use(link.nonce, link.expiresAt, now))) return undefined;
    return mintCookie(this.cookieKey, now);
  }
}

/** The token of `Authorization: Bearer …`, or of a `bearer.…` subprotocol where a client can set no header. */
function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  const match = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '');
  if (match !== null) return match[1];
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(BEARER_PREFIX))?.slice(BEARER_PREFIX.length);
}
