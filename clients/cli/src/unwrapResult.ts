import type { ErrorInfo } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import type { GatewayAccess } from './home.js';
import { Failure, toSafeLine } from './io.js';

type Access = Pick<GatewayAccess, 'url' | 'token' | 'api'>;

/**
 * Returns the value of an API result, or ends the command with its error. Tells a person who is not signed in how to
 * sign in.
 */
export async function unwrapResult<T>(gateway: Access, request: Promise<ApiResult<T>>): Promise<T> {
  const result = await request;
  if (result.kind === 'ok') return result.value;
  const { status, error } = result;
  if (status === 401 || (status === 403 && (await isKeyRefused(gateway))))
    throw new Failure(isUnauthenticated(gateway));
  throw new Failure({ ...error, message: toSafeLine(error.message) });
}

/**
 * Returns whether the gateway refuses the key itself: it answers "forbidden" also to an action that the person may not
 * do.
 */
async function isKeyRefused({ api }: Access): Promise<boolean> {
  const me = await api.me();
  return me.kind === 'failed' && (me.status === 401 || me.status === 403);
}

/** Returns the error for a person whom the gateway does not authenticate. */
export function isUnauthenticated({ url, token }: Pick<GatewayAccess, 'url' | 'token'>): ErrorInfo {
  const what = token === undefined ? `You are not signed in at ${url}` : `${url} refused your key`;
  const todo = `Sign in with \`pizzapi login --relay-url ${url}\`, or set PIZZAPI_API_KEY`;
  return { code: 'unauthenticated', message: `${what}. ${todo}.` };
}
