import type { ErrorInfo } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import type { GatewayAccess } from './home.js';
import { Failure, toSafeLine } from './io.js';

type Asked = Pick<GatewayAccess, 'url' | 'token' | 'api'>;

/** The value of an answer, or the end of the command; who is not signed in reads how to. */
export async function unwrapResult<T>(gateway: Asked, request: Promise<ApiResult<T>>): Promise<T> {
  const result = await request;
  if (result.kind === 'ok') return result.value;
  const { status, error } = result;
  if (status === 401 || (status === 403 && (await isStranger(gateway)))) throw new Failure(isUnauthenticated(gateway));
  throw new Failure({ ...error, message: toSafeLine(error.message) });
}

/** Whether the gateway does not take the key at all: "forbidden" is also what a person may not do. */
async function isStranger({ api }: Asked): Promise<boolean> {
  const me = await api.me();
  return me.kind === 'failed' && (me.status === 401 || me.status === 403);
}

/** What somebody reads whom the gateway does not know. */
export function isUnauthenticated({ url, token }: Pick<GatewayAccess, 'url' | 'token'>): ErrorInfo {
  const what = token === undefined ? `You are not signed in at ${url}` : `${url} refused your key`;
  const todo = `Sign in with \`pizzapi login --relay-url ${url}\`, or set PIZZAPI_API_KEY`;
  return { code: 'unauthenticated', message: `${what}. ${todo}.` };
}
