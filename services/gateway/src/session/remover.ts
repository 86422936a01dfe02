import { deleteSessionRows, forgetOwner, headOf, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { sleep } from '@pizzapi/process';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { auditFieldsOf, type Principal } from '../auth/principal.js';
import type { ShareStore } from '../auth/shareStore.js';
import { askAuthenticator } from './askAuthenticator.js';
import type { CommandSender, SendCommandOutcome } from './commandSender.js';
import type { Directory } from './directory.js';

/** How long the host may take to end a session that is deleted, in ms. */
const END_MS = 10_000;
/** How long the projections may take to notice, in ms. */
const SETTLE_MS = 3_000;
/** A log that has not grown for so long, in ms, after its host left will not grow any more. */
const QUIET_MS = 250;
/** The pause between two checks that a session is forgotten, in ms. */
const FORGET_POLL_MS = 5;
/** How long the authenticator may take to purge a log, in ms. */
const PURGE_MS = 10_000;

export interface RemoverDeps {
  b: Backbone;
  directory: Directory;
  commandSender: CommandSender;
  shares: ShareStore;
  audit: AuditWriter<'delete'>;
}

/** Deletes sessions. The authenticator purges the log, because no other service may. */
export class Remover {
  constructor(private readonly deps: RemoverDeps) {}

  /** Ends the session if it runs, then deletes its log, what was folded from it, and its links. */
  async remove(principal: Principal, sid: string): Promise<ErrorInfo | undefined> {
    const { b, shares, audit } = this.deps;
    const kill = () => this.deps.commandSender.command({ principal, sid, name: 'kill_session' });
    const refused = (await this.end(sid, kill)) ?? (await this.purge(sid));
    if (refused !== undefined) return refused;
    await Promise.all([deleteSessionRows(b, sid), shares.forget(sid)]);
    // Last: until then the deletion can be repeated when a step failed.
    await forgetOwner(b, sid);
    await this.untilForgotten(sid);
    audit('delete', { ...auditFieldsOf(principal), sessionId: sid });
    return undefined;
  }

  /** Ends a session whose host is there, and waits for its last events. The session was loaded. */
  async end(sid: string, kill: () => Promise<SendCommandOutcome>): Promise<ErrorInfo | undefined> {
    const { directory } = this.deps;
    const isHosted = directory.isHosted(sid);
    const isOver = () => directory.session(sid)?.state === 'ended';
    // A session that opens, or whose worker hangs, has no lease and may have a process.
    if (isHosted || !isOver()) {
      const outcome = await kill();
      const isRefused = outcome.kind === 'refused';
      if (isRefused && isHosted && outcome.error.code !== 'session_ended') return outcome.error;
      if (!isRefused && !isHosted) await directory.until(isOver, END_MS);
      if (!(await directory.until(() => !directory.isHosted(sid), END_MS))) {
        return errorInfo('runner_timeout', 'The runner has not ended the session');
      }
      await this.quiet(sid);
    }
    return undefined;
  }

  private async purge(sid: string): Promise<ErrorInfo | undefined> {
    const outcome = await askAuthenticator(this.deps.b, { sid }, PURGE_MS);
    return outcome.kind === 'refused' ? outcome.error : undefined;
  }

  /** Waits until this gateway has read that the session has no owner, so that the next request does not find it. */
  private async untilForgotten(sid: string): Promise<void> {
    const { directory } = this.deps;
    const deadline = Date.now() + SETTLE_MS;
    while (directory.userOf(sid) !== undefined && Date.now() < deadline) await sleep(FORGET_POLL_MS);
  }

  /** Waits for the last words of a host and for the projection of its end: what comes later would outlive the session. */
  private async quiet(sid: string): Promise<void> {
    const { b, directory } = this.deps;
    const deadline = Date.now() + SETTLE_MS;
    const isOver = () => (directory.session(sid)?.state ?? 'ended') === 'ended';
    await directory.until(isOver, SETTLE_MS);
    for (let before = -1; Date.now() < deadline; await sleep(QUIET_MS)) {
      const { last } = await headOf(b, sid);
      if (last === before) return;
      before = last;
    }
  }
}
