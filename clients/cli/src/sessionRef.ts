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
  /** Whether the person is the guest of a share link. */
  guest: boolean;
  /** The token of the link, where `token` is that of the guest's account. */
  shareToken?: string;
}

/** Returns the session, its gateway and the credential; a share link holds all three. Fails with `invalid_id`. */
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
  // The key of the environment variable is only for the gateway that was named with it, never for another gateway in a
  // link.
  const env = relayName(gatewayOf(flags, io).url) === relayName(relayUrl) ? io.env : { ...io.env, PIZZAPI_API_KEY: '' };
  return { url: relayUrl, token: gatewayOf({ ...flags, relayUrl }, { ...io, env }).token, sid, guest: false };
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
