import { sessionRows, type Backbone } from '@pizzapi/backbone';
import type { ConnectionAuthorizer } from './connectionAuthorizer.js';

/** How many bytes the logs of sessions have, as their projections say, watched into memory. */
export class LogSizes {
  private readonly sessions = new Map<string, number>();

  constructor(
    private readonly b: Backbone,
    private readonly authorizer: Pick<ConnectionAuthorizer, 'userOf'>,
  ) {}

  /** Follows the projections until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const rows = sessionRows(this.b);
    for await (const change of rows.watch({ signal })) {
      if (change.kind === 'value') this.sessions.set(change.key, change.value.logBytes ?? 0);
      else if (change.kind === 'gone') this.sessions.delete(change.key);
    }
  }

  /** Looks through all sessions: asked when one begins, which is seldom. */
  ofAccount(userId: string): number {
    let bytes = 0;
    for (const [sid, size] of this.sessions) if (this.authorizer.userOf(sid) === userId) bytes += size;
    return bytes;
  }
}
