import { RetryDelay } from './retryDelay.js';
import { bucket } from './kv.js';
import type { Backbone } from './connection.js';
import { readLease } from './lease.js';

/** Who a session belongs to. `epoch` is the revision of the grant: it rises with every one. */
export interface Owner {
  userId: string;
  runnerId: string;
  epoch: number;
  /** The session was erased. It belongs to `ERASED_ID`, and is granted to no host. */
  erasedAt?: number;
}

/** What the bucket holds; the epoch is the revision, which a value cannot hold itself. */
interface OwnerValue {
  userId: string;
  runnerId: string;
  erasedAt?: number;
}

export type ClaimOutcome = { kind: 'granted'; epoch: number } | { kind: 'refused'; owner: Owner };

export interface Claim {
  sid: string;
  userId: string;
  runnerId: string;
}

const isOwnerValue = (value: unknown): value is OwnerValue => {
  const { userId, runnerId } = (value ?? {}) as Partial<OwnerValue>;
  return typeof userId === 'string' && typeof runnerId === 'string';
};

const owners = (b: Backbone) => bucket<OwnerValue>(b, 'owners', { check: isOwnerValue });

/**
 * Grants a session to a host. The same host of the same person may claim again, and gets a higher epoch; another host
 * is refused while the session's lease is held, and another person always. Two claims at once: one of them wins.
 */
export async function claimSession(b: Backbone, { sid, userId, runnerId }: Claim): Promise<ClaimOutcome> {
  const grants = owners(b);
  const value = { userId, runnerId };
  const retry = new RetryDelay();
  for (; ; await retry.wait()) {
    const current = await grants.get(sid);
    if (current === undefined) {
      const made = await grants.create(sid, value);
      if (made.kind === 'stored') return { kind: 'granted', epoch: made.revision };
      continue;
    }
    const owner = { ...current.value, epoch: current.revision };
    if (owner.erasedAt !== undefined || owner.userId !== userId) return { kind: 'refused', owner };
    if (owner.runnerId !== runnerId && (await readLease(b, `session.${sid}`)) !== undefined)
      return { kind: 'refused', owner };
    const taken = await grants.update(sid, value, current.revision);
    if (taken.kind === 'stored') return { kind: 'granted', epoch: taken.revision };
  }
}

/** Who a session belongs to, or undefined when it was never granted. */
export async function ownerOf(b: Backbone, sid: string): Promise<Owner | undefined> {
  const found = await owners(b).get(sid);
  return found === undefined ? undefined : { ...found.value, epoch: found.revision };
}

export type NextEpoch = { kind: 'granted'; epoch: number } | { kind: 'moved'; owner: Owner } | { kind: 'unowned' };

/**
 * Takes the next epoch of a session away from a host that is lost, without changing whose it is: the host fences, and
 * claims anew when it is back. `moved` when the grant is not the expected one any more.
 */
export async function takeNextEpoch(b: Backbone, sid: string, expected: number): Promise<NextEpoch> {
  const current = await ownerOf(b, sid);
  if (current === undefined || current.erasedAt !== undefined) return { kind: 'unowned' };
  if (current.epoch !== expected) return { kind: 'moved', owner: current };
  const { userId, runnerId } = current;
  const taken = await owners(b).update(sid, { userId, runnerId }, current.epoch);
  return taken.kind === 'stored'
    ? { kind: 'granted', epoch: taken.revision }
    : { kind: 'moved', owner: { userId, runnerId, epoch: taken.revision } };
}

/** Forgets whose a deleted session was. */
export async function forgetOwner(b: Backbone, sid: string): Promise<void> {
  await owners(b).delete(sid);
}
