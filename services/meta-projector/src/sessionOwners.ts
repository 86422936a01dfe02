import { ownerRows, type Backbone, type StoredEvent } from '@pizzapi/backbone';

/** The account that a session was granted to, and the epoch of the grant. */
export interface SessionOwner {
  userId: string;
  epoch: number;
}

/** Reads the owners of sessions. A session without an owner is missing. */
export type ReadOwners = (sids: readonly string[]) => Promise<ReadonlyMap<string, SessionOwner>>;

/** Reads owners from the bucket `owners`, in which the authenticator alone grants sessions. */
export function readOwnersIn(b: Backbone): ReadOwners {
  const rows = ownerRows(b);
  return async (sids) =>
    new Map([...(await rows.getMany(sids))].map(([sid, { value, revision }]) => [sid, { ...value, epoch: revision }]));
}

/** A session whose owner is another than before; `from` was the owner before. */
export interface MovedSession {
  sid: string;
  from: string | undefined;
}

/** Owners kept in memory between writes, at most. */
const CACHED_OWNERS = 10_000;

/**
 * The owners of the sessions that a projector folds. An owner is read before the first event of a session, and again
 * when an event has a later grant: a session can be deleted, and its id granted to another account.
 */
export class SessionOwners {
  private readonly known = new Map<string, SessionOwner | undefined>();

  constructor(private readonly read: ReadOwners) {}

  /** The account of a session that was loaded; undefined where it has none. */
  of(sid: string): string | undefined {
    return this.known.get(sid)?.userId;
  }

  /** Reads what these records need. Returns the sessions whose owner is another than before. */
  async load(
    records: readonly (readonly [sid: string, record: Pick<StoredEvent, 'epoch'>])[],
  ): Promise<MovedSession[]> {
    const wanted = new Set<string>();
    for (const [sid, { epoch }] of records) {
      const owner = this.known.get(sid);
      if (owner === undefined || owner.epoch < epoch) wanted.add(sid);
    }
    if (wanted.size === 0) return [];
    const found = await this.read([...wanted]);
    return [...wanted].map((sid) => this.set(sid, found.get(sid))).filter((moved) => moved !== undefined);
  }

  /** Reads the owner of one session again. */
  async reload(sid: string): Promise<MovedSession | undefined> {
    return this.set(sid, (await this.read([sid])).get(sid));
  }

  /** Bounds the memory. Not while rows wait to be written: a change of their owner would not be noticed. */
  shrink(): void {
    if (this.known.size > CACHED_OWNERS) this.known.clear();
  }

  forget(sid: string): void {
    this.known.delete(sid);
  }

  private set(sid: string, owner: SessionOwner | undefined): MovedSession | undefined {
    const isKnown = this.known.has(sid);
    const from = this.known.get(sid)?.userId;
    this.known.set(sid, owner);
    return isKnown && from !== owner?.userId ? { sid, from } : undefined;
  }
}
