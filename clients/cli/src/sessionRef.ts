import {
  errorInfo,
  isId,
  MAX_SESSIONS_PAGE,
  SESSIONS_PAGE,
  titleOf,
  type ErrorInfo,
  type SessionInfo,
} from '@pizzapi/protocol';
import { listSessions, queryText, type ApiResult } from '@pizzapi/session-client';
import { isUnauthenticated, unwrapResult } from './unwrapResult.js';
import { gatewayOf, keyFor, pageAt, type GatewayAccess } from './home.js';
import { Failure, toSafeLine, type Io } from './io.js';
import { parseSessionLink, type SessionLink } from './sessionLink.js';
import { LAST, lookUpSession, shortIds } from './sessionLookup.js';
import { gatewayApi } from '@pizzapi/runner/access';

type Flags = Readonly<Record<string, unknown>>;

/** The help of `<session>`, which every command explains in the same words. */
export const SESSION_HELP =
  '<session> is an id, the beginning of one, a name, `last` for the one that was active last, or a link.';

/** The number of candidates that an error lists. */
const MAX_CANDIDATES = 8;
/** An id as the gateway makes them. It needs no look-up. */
const WHOLE_ID = /^s_[a-z0-9]{20,32}$/;

/** A session that was named on the command line. */
export interface SessionRef {
  url: string;
  token: string | undefined;
  sid: string;
  /** Whether the person is the guest of a share link. */
  guest: boolean;
  /** The token of the link, where `token` is that of the guest's account. */
  shareToken?: string;
}

/**
 * Returns the session, its gateway and the credential; a share link holds all three. Fails with `session_ambiguous` when
 * several sessions fit, and with `session_not_found` for a text that cannot be an id.
 */
export async function resolveSessionRef(named: string, flags: Flags, io: Io): Promise<SessionRef> {
  const link = parseSessionLink(named);
  if (link !== undefined) return refOfLink(link, flags, io);
  const gateway = gatewayOf(flags, io);
  const { url, token } = gateway;
  const sid = WHOLE_ID.test(named) ? named : await lookUp(named, gateway);
  return { url, token, sid, guest: false };
}

/** Returns the session of a link. The key of the environment is only for the gateway that was named with it. */
export function refOfLink({ relayUrl, sid, token }: SessionLink, flags: Flags, io: Io): SessionRef {
  if (token !== undefined) return { url: relayUrl, token, sid, guest: true };
  return { url: relayUrl, token: keyFor(relayUrl, flags, io.env), sid, guest: false };
}

/** Returns the API of the gateway of a session. */
export function gatewayOfRef({ url, token }: SessionRef): GatewayAccess {
  return { url, token, api: gatewayApi({ url, ...(token === undefined ? {} : { token }) }) };
}

/** Returns the address of a session's page. */
export function sessionPage(sid: string, url: string, home: string): string {
  return `${pageAt(home, url).replace(/^ws/, 'http').replace(/\/+$/, '')}/s/${sid}`;
}

async function lookUp(named: string, gateway: GatewayAccess): Promise<string> {
  const mayBeId = isId(named) && named !== LAST;
  const reply = await mayBeMeant(named, gateway);
  // The request for the session itself reports why the gateway refuses.
  if (reply.kind === 'failed' && mayBeId) return named;
  const sessions = await unwrapResult(gateway, Promise.resolve(reply));
  const outcome = lookUpSession(named, sessions);
  if (outcome.kind === 'found') return outcome.session.sessionId;
  if (outcome.kind === 'ambiguous') throw new Failure(ambiguous(named, outcome.sessions));
  if (mayBeId) return named;
  const what = named === LAST ? 'You have no session yet' : `No session is called "${toSafeLine(named, 80)}"`;
  throw new Failure(errorInfo('session_not_found', what));
}

/** Lists the sessions that a text may mean, however many the person has: the latest ones, or those that the text is in. */
function mayBeMeant(named: string, { api }: GatewayAccess): Promise<ApiResult<SessionInfo[]>> {
  if (named === LAST) return listSessions(api, {}, SESSIONS_PAGE);
  const q = queryText(named);
  return q === undefined
    ? Promise.resolve({ kind: 'ok', status: 200, value: [] })
    : listSessions(api, { q, limit: MAX_SESSIONS_PAGE });
}

function ambiguous(named: string, fitting: readonly SessionInfo[]): ErrorInfo {
  const short = shortIds(fitting.map(({ sessionId }) => sessionId));
  const listed = fitting
    .slice(0, MAX_CANDIDATES)
    .map((session) => `${short(session.sessionId)} (${toSafeLine(titleOf(session), 40)})`);
  const more = fitting.length > MAX_CANDIDATES ? ` and ${fitting.length - MAX_CANDIDATES} more` : '';
  const message = `"${toSafeLine(named, 80)}" fits several sessions. Name one by its id: ${listed.join(', ')}${more}.`;
  return { code: 'session_ambiguous', message };
}

/** Returns the error with instructions: a guest has to ask for another share link, any other person has to sign in. */
export function explainAccessError(error: ErrorInfo, ref: SessionRef): ErrorInfo {
  if (error.code !== 'unauthenticated' && error.code !== 'forbidden') return error;
  if (!ref.guest) return isUnauthenticated(ref);
  const why = 'it was revoked, has expired, or is incomplete';
  return {
    code: 'unauthenticated',
    message: `The link does not open the session: ${why}. Ask the owner for a new one.`,
  };
}
