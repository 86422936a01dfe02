import { erasingKey, erasingRows, type Backbone } from '@pizzapi/backbone';
import {
  ERASED_ID,
  errorInfo,
  isMap,
  newId,
  OWNER_ID,
  type ErrorInfo,
  type EraseRequest,
  type PurgeReply,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import { unknownSession } from './access.js';
import { askAuthenticator } from './askAuthenticator.js';
import type { CommandSender } from './commandSender.js';
import type { Directory } from './directory.js';
import type { Remover } from './remover.js';

/** How long the authenticator may take for its first pass over a session, in ms. It replies earlier when it takes longer. */
const ERASE_MS = 15_000;

export type EraseOutcome = { kind: 'erased'; reply: PurgeReply } | { kind: 'refused'; error: ErrorInfo };

export interface EraserDeps {
  b: Backbone;
  directory: Directory;
  commandSender: Pick<CommandSender, 'send'>;
  remover: Pick<Remover, 'end'>;
}

/** Erases sessions and accounts: nothing of them stays, and nothing brings them back. The authenticators do the work. */
export class Eraser {
  constructor(private readonly deps: EraserDeps) {}

  /** Erases a session of this person, or of anyone for an admin. Ends it first when its host is there. */
  async eraseSession(principal: Principal, sid: string): Promise<EraseOutcome> {
    const { directory } = this.deps;
    const release = directory.hold(sid);
    try {
      await directory.load(sid);
      const owner = directory.userOf(sid);
      const isAdmin = principal.role === 'admin';
      if (owner === ERASED_ID && (isAdmin || (await this.isErasing(principal, sid))))
        return await this.request(principal, { sid });
      if (owner === undefined || (owner !== principal.userId && !isAdmin)) return refused(unknownSession(sid));
      const problem = await this.deps.remover.end(sid, () => this.kill(principal, sid));
      return problem === undefined ? await this.request(principal, { sid }) : refused(problem);
    } finally {
      release();
    }
  }

  /** Erases an account with all that it has; for admins. Repeating it tells how far it is. */
  async eraseAccount(principal: Principal, userId: string): Promise<EraseOutcome> {
    if (userId === principal.userId) return refused(errorInfo('own_account'));
    if (userId === OWNER_ID)
      return refused(errorInfo('forbidden', 'The account of the owner belongs to the installation'));
    return this.request(principal, { userId });
  }

  /** Whether a session of this person is being erased: it belongs to no one any more. */
  private async isErasing({ userId }: Principal, sid: string): Promise<boolean> {
    return (await erasingRows(this.deps.b).get(erasingKey(userId, sid))) !== undefined;
  }

  /** As the person that erases: an admin may not act in the session otherwise. */
  private kill(principal: Principal, sid: string): ReturnType<CommandSender['send']> {
    const rid = this.deps.directory.runnerOf(sid);
    if (rid === undefined) return Promise.resolve({ kind: 'refused', error: unknownSession(sid) });
    return this.deps.commandSender.send({
      ...{ rid, principal, sid, name: 'kill_session', args: {}, commandId: newId('c') },
    });
  }

  private async request({ userId, ip }: Principal, erase: EraseRequest['erase']): Promise<EraseOutcome> {
    const asked = { by: userId, ...(ip === undefined ? {} : { ip }) };
    const outcome = await askAuthenticator(this.deps.b, { erase, asked } satisfies EraseRequest, ERASE_MS);
    if (outcome.kind === 'refused') return outcome;
    const { removed, isOver } = outcome.reply;
    // An authenticator of an earlier version knows no erasure.
    if (!isMap(removed) || typeof isOver !== 'boolean')
      return refused(errorInfo('unavailable', 'The authenticator cannot erase; update it first'));
    return { kind: 'erased', reply: { removed: removed as PurgeReply['removed'], isOver } };
  }
}

const refused = (error: ErrorInfo): EraseOutcome => ({ kind: 'refused', error });
