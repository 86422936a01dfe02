import { BoundedMap } from '@pizzapi/protocol';

/** Requested sessions that are remembered at once. */
const MAX_RECENT_SPAWNS = 1_000;

/** A session that was requested and that the projection may not contain yet. */
export interface RecentSpawn {
  userId: string;
  runnerId: string;
}

/**
 * The sessions that were requested a moment ago, at this gateway or at another one, by id. Only the account that requested a session
 * sees it before the projection contains it.
 */
export class RecentSpawns extends BoundedMap<string, RecentSpawn> {
  constructor() {
    super(MAX_RECENT_SPAWNS);
  }
}
