import type { IncomingHttpHeaders } from 'node:http';
import { localTokenChecker, secretHash, tokenKind } from '@pizzapi/process';
import { BEARER_PREFIX, CLIENT, isMap, OWNER_ID, SHARE_TOKEN, type AccountRow } from '@pizzapi/protocol';
import type { Cookies } from './cookies.js';
import type { PageTokens } from './pageTokens.js';
import { asGuest, localOwner, type Credential, type Principal } from './principal.js';
import type { CredentialCache } from './credentialCache.js';
import type { LastUsedRecorder } from './lastUsedRecorder.js';
import type { ShareGuests } from './shareGuests.js';
import { shownName } from './shownName.js';

/** Whom a request speaks for. */
export type Authentication =
  | { kind: 'principal'; principal: Principal; by: 'cookie' | 'bearer' }
  /** No credential at all. */
  | { kind: 'none' }
  /** A cookie without the token of its page: whoever was sent it, it is not the page that speaks. */
  | { kind: 'no_page_token' }
  /** A credential that is not valid: tampered, expired, revoked, of another kind, or of a disabled account. */
  | { kind: 'invalid'; by: 'cookie' | 'bearer' };

export interface RequestAuthenticatorDeps {
  /** Of this home: whoever can read it may act as the owner. */
  secret: Uint8Array;
  cookies: Cookies;
  pageTokens: PageTokens;
  credentialCache: CredentialCache;
  lastUsed: LastUsedRecorder;
  guests: Pick<ShareGuests, 'verify'>;
}

/** What a request shows of who makes it, and from where. */
export interface PresentedCredentials {
  headers: IncomingHttpHeaders;
  query: unknown;
  /** Where a key is used from. */
  ip: string;
  isOfPage: boolean;
  isEncrypted: boolean;
}

/** Characters of the name a guest gives. */
const MAX_GUEST_NAME = 40;

/** The one place that knows what counts as a credential. */
export class RequestAuthenticator {
  private readonly isLocal: (token: string) => boolean;

  constructor(private readonly deps: RequestAuthenticatorDeps) {
    this.isLocal = localTokenChecker(deps.secret);
  }

  /** A bearer goes before a cookie: who sends one means it. `isOfPage`: the request was made under the page's name. */
  async authenticate({ headers, query, ip, isOfPage, isEncrypted }: PresentedCredentials): Promise<Authentication> {
    const bearer = bearerOf(headers);
    const by = bearer === undefined ? 'cookie' : 'bearer';
    const cookie =
      bearer === undefined && isOfPage ? this.deps.cookies.of({ isEncrypted }).login.read(headers.cookie) : undefined;
    if (bearer === undefined && cookie === undefined) return { kind: 'none' };
    if (cookie !== undefined && !this.deps.pageTokens.isShown(headers, cookie)) return { kind: 'no_page_token' };
    const principal = cookie === undefined ? await this.ofBearer(bearer!, query, ip) : await this.ofLogin(cookie);
    if (principal === undefined) return { kind: 'invalid', by };
    // Of a key alone: a page is a page, and a guest comes by a link.
    const client = principal.via === 'api' ? clientOf(headers, query) : {};
    const shareToken = shareTokenOf(headers);
    if (shareToken === undefined || principal.role === 'guest')
      return { kind: 'principal', principal: { ...principal, ...client }, by };
    const guest = await this.deps.guests.verify(shareToken);
    // The credential of the account is valid, and the link is not.
    if (guest?.share === undefined) return { kind: 'invalid', by: 'bearer' };
    const { credential, share } = guest;
    const { sid: sessionId, mode, files } = share;
    const named = asGuest(principal, { shareId: credential.id, sessionId, mode, ...(files && { files }) });
    return { kind: 'principal', principal: named, by };
  }

  private async ofBearer(token: string, query: unknown, ip: string): Promise<Principal | undefined> {
    if (token.startsWith('local.'))
      return this.isLocal(token) ? localOwner((await this.deps.credentialCache.account(OWNER_ID))?.name) : undefined;
    // A runner token is never a credential here, nor is a text that only looks like a token.
    if (token.startsWith('pz')) return tokenKind(token) === 'user' ? this.ofKey(token, ip) : undefined;
    const guest = await this.deps.guests.verify(token);
    return guest === undefined ? undefined : { ...guest, name: guestName(query) };
  }

  private async ofKey(token: string, ip: string): Promise<Principal | undefined> {
    const { credentialCache, lastUsed: seen } = this.deps;
    const hash = secretHash(token);
    const row = await credentialCache.key(hash);
    if (row?.kind !== 'user') return undefined;
    const account = await this.accountOf(row.userId);
    if (account === undefined) return undefined;
    seen.key(hash, row, ip);
    return principalFor(account, 'api', { kind: 'key', id: row.id });
  }

  private async ofLogin(cookie: string): Promise<Principal | undefined> {
    const { credentialCache, lastUsed: seen } = this.deps;
    const hash = secretHash(cookie);
    const row = await credentialCache.login(hash);
    const account = row === undefined ? undefined : await this.accountOf(row.userId);
    if (row === undefined || account === undefined) return undefined;
    seen.login(hash, row);
    return principalFor(account, 'owner', { kind: 'login', id: row.id });
  }

  private async accountOf(userId: string): Promise<AccountRow | undefined> {
    const account = await this.deps.credentialCache.account(userId);
    if (account?.disabledAt !== undefined) return undefined;
    if (account !== undefined) this.deps.lastUsed.account(account);
    return account;
  }
}

/** Somebody with an account, let in by `credential`. */
function principalFor({ userId, name, role }: AccountRow, via: 'owner' | 'api', credential: Credential): Principal {
  return { userId, name, role, via, credential };
}

/** The program that makes a request, as it names itself. A WebSocket of a browser can set no header. */
function clientOf(headers: IncomingHttpHeaders, query: unknown): Pick<Principal, 'client'> {
  const { [CLIENT.query]: inQuery } = isMap(query) ? query : {};
  return [headers[CLIENT.header], inQuery].includes(CLIENT.terminal) ? { client: CLIENT.terminal } : {};
}

/** The token of `Authorization: Bearer …`, or of a `bearer.…` subprotocol where a client can set no header. */
function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  const match = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '');
  if (match !== null) return match[1];
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(BEARER_PREFIX))?.slice(BEARER_PREFIX.length);
}

/** The token of a share link beside another credential. */
function shareTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers[SHARE_TOKEN.header];
  if (typeof header === 'string') return header;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(SHARE_TOKEN.prefix))?.slice(SHARE_TOKEN.prefix.length);
}

/**
 * The name a guest goes by: `?name=` of the address, without control and formatting characters, which could make it look
 * like something else, and cut. It is shown beside "via link": nobody becomes another by taking their name.
 */
function guestName(query: unknown): string {
  const { name } = (query ?? {}) as { name?: unknown };
  if (typeof name !== 'string') return 'Guest';
  return shownName(name, MAX_GUEST_NAME) || 'Guest';
}
