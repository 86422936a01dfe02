import {
  decode,
  hostApiSubjects,
  encode,
  isMap,
  type HostApiReplies,
  type HostApiRequest,
  type HostApiVerb,
} from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { requestRpc } from './rpc.js';

/** How long one question to the authenticator may take, in ms. */
export const ANSWER_MS = 5_000;

/** Who asks the authenticator: a runner's daemon, about one of its sessions or itself, or the worker of a session. */
export type HostApiCaller = { kind: 'runner'; rid: string; sid?: string } | { kind: 'session'; sid: string };

/** The fields of a question beside the verb and the session. */
export type Fields<V extends HostApiVerb> = Omit<Extract<HostApiRequest, { verb: V }>, 'verb' | 'sid'>;

/** Asks the authenticator once. Undefined: it did not answer, or refused; then the caller tries again later. */
export async function askOnce<V extends HostApiVerb>(
  connection: BackboneConnection,
  caller: HostApiCaller,
  verb: V,
  fields: Fields<V>,
): Promise<HostApiReplies[V] | undefined> {
  const { subject, body } = questionOf(caller, verb, fields);
  const outcome = await requestRpc(connection, subject, body, { timeoutMs: ANSWER_MS });
  const answer = outcome.kind === 'ok' ? decode(outcome.body) : undefined;
  if (!isMap(answer) || answer['kind'] === 'refused') return undefined;
  return answer as unknown as HostApiReplies[V];
}

/** The subject says who asks, so it is the caller's own; `sid` names the session that is meant. */
export function questionOf(
  caller: HostApiCaller,
  verb: HostApiVerb,
  fields: object,
): { subject: string; body: Uint8Array } {
  const subject = caller.kind === 'runner' ? hostApiSubjects.runner(caller.rid) : hostApiSubjects.session(caller.sid);
  const session = caller.sid === undefined ? {} : { sid: caller.sid };
  return { subject, body: encode({ verb, ...session, ...fields }) };
}

/** The caller for a question about a session, on a host's own connection. */
export function callerFor(connection: BackboneConnection, sid: string): HostApiCaller | undefined {
  const { host } = connection;
  if (host === undefined) return undefined;
  return host.kind === 'session' ? { kind: 'session', sid } : { kind: 'runner', rid: host.rid, sid };
}
