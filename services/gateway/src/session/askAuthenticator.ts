import { requestRpc, type Backbone } from '@pizzapi/backbone';
import {
  decode,
  encode,
  errorInfo,
  hostApiSubjects,
  isErrorCode,
  isMap,
  stringAt,
  type ErrorInfo,
} from '@pizzapi/protocol';

/** What the authenticator replied. */
export type AuthenticatorReply =
  { kind: 'ok'; reply: Readonly<Record<string, unknown>> } | { kind: 'refused'; error: ErrorInfo };

/** Requests a deletion from an authenticator, because no other service may purge. */
export async function askAuthenticator(b: Backbone, request: object, timeoutMs: number): Promise<AuthenticatorReply> {
  const answer = await requestRpc(b, hostApiSubjects.purge, encode(request), { timeoutMs });
  if (answer.kind !== 'ok') return refused(errorInfo('unavailable', 'The authenticator did not answer the request'));
  const reply = decode(answer.body);
  if (!isMap(reply)) return refused(errorInfo('internal'));
  if (reply['kind'] !== 'refused') return { kind: 'ok', reply };
  const { code } = reply;
  return refused(isErrorCode(code) ? { code, message: stringAt(reply, 'message') ?? '' } : errorInfo('internal'));
}

const refused = (error: ErrorInfo): AuthenticatorReply => ({ kind: 'refused', error });
