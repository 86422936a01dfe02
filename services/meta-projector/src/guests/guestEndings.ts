import type { GuestRef, LinkEnd, SessionInfo } from '@pizzapi/protocol';

/** A session that guests had started, or for whom its agent works. */
export interface GuestSession {
  sid: string;
  startedBy: readonly GuestRef[];
  atWork: readonly GuestRef[];
}

/** What is to be done because the link of a guest has ended: end the session, or have its host end what is theirs. */
export interface GuestEnding {
  kind: 'session' | 'work';
  sid: string;
  guest: GuestRef;
  why: LinkEnd;
}

/** How long a host has to do what it was told, in ms, before it is told again. */
export const AGAIN_MS = 15_000;

const keyOf = ({ kind, sid, guest }: GuestEnding): string => `${kind} ${sid} ${guest.shareId}`;

/**
 * Which sessions have to do with guests, and what hosts have been told. Pure: times are given to it, in ms. What is not
 * so yet is due again, so that nothing depends on one command having arrived.
 */
export class GuestEndings {
  private readonly sessions = new Map<string, GuestSession>();
  private readonly stopRequests = new Map<string, number>();

  /** A session as it is now; undefined: it was deleted. */
  note(sid: string, info: SessionInfo | undefined): void {
    const { state, startedBy = [], guestsAtWork: atWork = [] } = info ?? { state: 'ended' };
    if (state === 'ended' || startedBy.length + atWork.length === 0) this.sessions.delete(sid);
    else this.sessions.set(sid, { sid, startedBy, atWork });
  }

  get all(): GuestSession[] {
    return [...this.sessions.values()];
  }

  /** What is to be done, by what each link has come to. A session that ends needs nothing else. */
  endings(ends: ReadonlyMap<string, LinkEnd>): GuestEnding[] {
    const over = (sid: string, kind: GuestEnding['kind'], guests: readonly GuestRef[]) =>
      guests.flatMap((guest): GuestEnding[] => {
        const why = ends.get(guest.shareId);
        return why === undefined ? [] : [{ kind, sid, guest, why }];
      });
    return this.all.flatMap(({ sid, startedBy, atWork }) => {
      const [first] = over(sid, 'session', startedBy);
      return first === undefined ? over(sid, 'work', atWork) : [first];
    });
  }

  /** Whether a host is to be told, and whether that is for the first time. */
  due(ending: GuestEnding, isHosted: boolean, now: number): 'first' | 'again' | undefined {
    const last = this.stopRequests.get(keyOf(ending));
    if (last === undefined) return 'first';
    // The command waits for a host that is away; if it is away for longer than that, it is told when it is back.
    return isHosted && now - last >= AGAIN_MS ? 'again' : undefined;
  }

  recordStopRequest(ending: GuestEnding, now: number): void {
    this.stopRequests.set(keyOf(ending), now);
  }

  /** Forgets what was told of endings that are done. */
  keepOnly(endings: readonly GuestEnding[]): void {
    const open = new Set(endings.map(keyOf));
    for (const key of this.stopRequests.keys()) if (!open.has(key)) this.stopRequests.delete(key);
  }
}
