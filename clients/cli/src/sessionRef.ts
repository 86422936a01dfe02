import { errorInfo, isId, type ErrorInfo } from '@pizzapi/protocol';
import { isUnauthenticated } from './unwrapResult.js';
import { gatewayOf } from './home.js';
import { Failure, toSafeLine, type Io } from './io.js';
import { relayName } from './logins.js';
import { parseSessionLink } from './sessionLink.js';

/** A session that was named on the command line. */
export interface SessionRef {
  url: string;
  token: string | undefined;
  sid: string;
  /** Whether a share link speaks for the person. */
  guest: boolean;
}

/** Which session, where, and what speaks for the person: a share link has all three. Fails with `invalid_id`. */
export function resolveSessionRef(named: string, flags: Readonly<Record<string, unknown>>, io: Io): SessionRef {
  const link = parseSessionLink(named);
  if (link === undefined) {
    if (!isId(named))
      throw new Failure(
        errorInfo('invalid_id', `"${toSafeLine(named, 80)}" is not the id of a session and not a link`),
      );
    const { url, token } = gatewayOf(flags, io);
    return { url, token, sid: named, guest: false };
  }
  const { relayUrl, sid, token } = link;
  if (token !== undefined) return { url: relayUrl, token, sid, guest: true };
  // The variable's key is for the gateway that was named with it, and for no other that a link names.
  const env = relayName(gatewayOf(flags, io).url) === relayName(relayUrl) ? io.env : { ...io.env, PIZZAPI_API_KEY: '' };
  return { url: relayUrl, token: gatewayOf({ ...flags, relayUrl }, { ...io, env }).token, sid, guest: false };
}

/** What to do differs: a guest asks for another link, anybody else signs in. */
export function explainAccessError(error: ErrorInfo, place: SessionRef): ErrorInfo {
  if (error.code !== 'unauthenticated' && error.code !== 'forbidden') return error;
  if (!place.guest) return isUnauthenticated(place);
  const why = 'it was revoked, has expired, or is incomplete';
  return {
    code: 'unauthenticated',
    message: `The link does not open the session: ${why}. Ask the owner for a new one.`,
  };
}
