import { ownerOf, runnerOwnerKey, runnerOwnerRows, type Backbone } from '@pizzapi/backbone';
import { isId } from '@pizzapi/protocol';

/** The caller, as the subject of the request names it. NATS lets no other client publish there. */
export type Caller = { kind: 'runner'; rid: string } | { kind: 'session'; sid: string };

/** An authorized caller: its account, its runner, and the session of the request. */
export interface AuthorizedCaller {
  userId: string;
  rid: string;
  sid: string;
  /** The session has no owner yet, or was erased: then the claim is refused with this reason. */
  fresh: boolean;
  /** The session has been claimed by this runner. */
  isOwn: boolean;
}

/** Reads `desk.runner.<rid>` and `desk.session.<sid>`. */
export function callerOf(subject: string): Caller | undefined {
  const [, kind, id, ...rest] = subject.split('.');
  if (!isId(id) || rest.length > 0) return undefined;
  if (kind === 'runner') return { kind, rid: id };
  return kind === 'session' ? { kind, sid: id } : undefined;
}

/**
 * Returns whose session a request is about. A worker can name only its own session, a daemon every session of its
 * account. Undefined for every other session, as for one that does not exist.
 */
export async function authorizeCaller(
  b: Backbone,
  caller: Caller,
  named: string | undefined,
): Promise<AuthorizedCaller | undefined> {
  const sid = caller.kind === 'session' ? caller.sid : named;
  if (sid === undefined || (named !== undefined && named !== sid)) return undefined;
  const owner = await ownerOf(b, sid);
  if (caller.kind === 'session')
    return owner && { userId: owner.userId, rid: owner.runnerId, sid, fresh: false, isOwn: true };
  const runner = (await runnerOwnerRows(b).get(runnerOwnerKey(caller.rid)))?.value;
  if (runner === undefined) return undefined;
  const isErased = owner?.erasedAt !== undefined;
  if (owner !== undefined && owner.userId !== runner.userId && !isErased) return undefined;
  const isOwn = owner?.userId === runner.userId && owner.runnerId === caller.rid;
  return { userId: runner.userId, rid: caller.rid, sid, fresh: owner === undefined || isErased, isOwn };
}
