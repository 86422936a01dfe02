import { hasResult, lastEvent, seqBefore } from '@pizzapi/backbone';
import type { Command } from '@pizzapi/protocol';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import { appendWithoutWorker, resultEvent, type LogAccess } from './directLogWriter.js';
import { callerFor, claim } from './grants.js';
import type { SessionRecord, SessionRecords } from './records.js';

/** The records of ended sessions that are kept; the oldest go at the start of a runner. */
const KEPT_RECORDS = 5_000;
/** How long the log of an ended session may take to answer, in ms. */
const ANSWER_MS = 5_000;
/** How long a result may take to the log of an ended session, in ms. Then it is published as an event of the runner. */
const WRITE_MS = 15_000;

/** The sessions of this runner that are over: what a fork needs of them, and their logs, where results are expected. */
export class EndedSessions {
  constructor(
    private readonly access: LogAccess,
    private readonly records: SessionRecords,
  ) {}

  /** Keeps the record of a session that is over. */
  keep(record: SessionRecord): Promise<void> {
    return this.records.save({ ...record, phase: 'over', activity: 'idle', worker: undefined });
  }

  /** The same, and removes the record of a session that was erased. */
  keepUnless(record: SessionRecord, isErased: boolean): Promise<void> {
    return isErased ? this.records.remove(record.sid) : this.keep(record);
  }

  find(sid: string): Promise<SessionRecord | undefined> {
    return this.records.read(sid);
  }

  prune(): Promise<void> {
    return this.records.prune(KEPT_RECORDS);
  }

  /** The offset up to which a fork has the history of a session. Throws when the log does not answer. */
  async forkOffset(sid: string, entryId: string | undefined): Promise<number> {
    const { access } = this;
    const signal = AbortSignal.timeout(ANSWER_MS);
    const before =
      entryId === undefined ? undefined : await seqBefore(access.backbone, callerFor(access, sid), entryId, { signal });
    if (before !== undefined) return before;
    await claim(access, sid, signal);
    const connection = await access.suspendedConnection.connectionFor(sid);
    return (await lastEvent(connection, sid, signal))?.seq ?? 0;
  }

  /**
   * Writes the result of a command to the log of a session that this runner does not host, because its sender reads that
   * log. False when there is no such session of this runner, or the log does not answer.
   */
  async record(sid: string, command: Command, outcome: WorkerCommandOutcome): Promise<boolean> {
    const { access } = this;
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      if (await hasResult(access.backbone, callerFor(access, sid), command.commandId, { signal })) return true;
    } catch (error) {
      access.log.debug({ sid, err: error }, 'no log for the result of this command');
      return false;
    }
    const signal = AbortSignal.timeout(WRITE_MS);
    const written = await appendWithoutWorker(access, sid, () => [resultEvent(command, outcome)], signal);
    return written.kind === 'written';
  }
}
