import type { Principal } from '../auth/principal.js';
import type { Access } from './access.js';
import type { Directory } from './directory.js';

/**
 * Brings the session that a request names into memory, for `Access`. A session of another account costs the same reads as one
 * that does not exist, also while it is in memory: otherwise the time of a refusal would tell the two apart.
 */
export class SessionLoader {
  constructor(
    private readonly directory: Pick<Directory, 'hold' | 'isOwnerLoaded' | 'load' | 'loadOwner'>,
    private readonly access: Pick<Access, 'modeIn' | 'principalIn'>,
  ) {}

  /** Keeps a session exact until the returned function is called, once it is loaded. */
  hold(sid: string): () => void {
    return this.directory.hold(sid);
  }

  /** Throws `unavailable`. */
  async load(principal: Principal, sid: string): Promise<void> {
    const wasLoaded = this.directory.isOwnerLoaded(sid);
    await this.directory.loadOwner(sid);
    if (this.mayKnow(principal, sid)) await this.directory.load(sid);
    else if (wasLoaded) await this.directory.loadOwner(sid, true);
  }

  private mayKnow(principal: Principal, sid: string): boolean {
    return this.access.modeIn(this.access.principalIn(principal, sid), sid) !== undefined;
  }
}
