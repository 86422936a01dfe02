/** Sessions remembered at once. */
const MOST = 1_000;

/** A session that was asked for and that no projection may know yet. */
export interface RecentSpawn {
  userId: string;
  runnerId: string;
}

/** The sessions that were asked for through this gateway a moment ago: there already for who asked, and for nobody else. */
export class RecentSpawns {
  private readonly sessions = new Map<string, RecentSpawn>();

  find(sid: string): RecentSpawn | undefined {
    return this.sessions.get(sid);
  }

  /** Remembers where a session will appear, and for whom. */
  add(sid: string, session: RecentSpawn): void {
    this.sessions.set(sid, session);
    if (this.sessions.size > MOST) this.sessions.delete(this.sessions.keys().next().value!);
  }

  /** It is there, or will not appear after all. */
  delete(sid: string): void {
    this.sessions.delete(sid);
  }
}
