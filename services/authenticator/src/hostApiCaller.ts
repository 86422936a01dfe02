import { ownerOf, runnerOwnerKey, runnerOwnerRows, type Backbone } from '@pizzapi/backbone';
import { isId } from '@pizzapi/protocol';

/** Who asks, as the subject of the question says: NATS lets nobody else publish there. */
export type Caller = { kind: 'runner'; rid: string } | { kind: 'session'; sid: string };

/** For whom an answer is: an account, one of its runners, and the session that is meant. */
export interface AuthorizedCaller {
  userId: string;
  rid: string;
  sid: string;
  /** The session is not granted to anybody yet. */
  fresh: boolean;
}

/** Reads `desk.runner.<rid>` and `desk.session.<sid>`. */
export function callerOf(subject: string): Caller | undefined {
  const [, kind, id, ...rest] = subject.split('.');
  if (!isId(id) || rest.length > 0) return undefined;
  if (kind === 'runner') return { kind, rid: id };
  return kind === 'session' ? { kind, sid: id } : undefined;
}

/**
 * Which session of whose a question is about. A worker can only mean its own, a daemon any of its account's that nobody
 * else has. Undefined for every other, as for one that does not exist.
 */
export async function authorizeCaller(
  b: Backbone,
  caller: Caller,
  named: string | undefined,
): Promise<AuthorizedCaller | undefined> {
  const sid = caller.kind === 'session' ? caller.sid : named;
  if (sid === undefined || (named !== undefined && named !== sid)) return undefined;
  const owner = await ownerOf(b, sid);
  if (caller.kind === 'session') return owner && { userId: owner.userId, rid: owner.runnerId, sid, fresh: false };
  const runner = (await runnerOwnerRows(b).get(runnerOwnerKey(caller.rid)))?.value;
  if (runner === undefined || (owner !== undefined && owner.userId !== runner.userId)) return undefined;
  return { userId: runner.userId, rid: caller.rid, sid, fresh: owner === undefined };
}
