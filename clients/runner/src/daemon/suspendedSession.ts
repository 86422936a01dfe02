import { hasResult, holdLease, lastEvent, spooledEvents, type Lease } from '@pizzapi/backbone';
import { CodedError, type EndReason, type LastEvent, type SessionEvent } from '@pizzapi/protocol';
import { retry, SerialQueue } from '@pizzapi/process';
import { hasSpool, spoolDir, appendWithoutWorker, type LogAccess } from './directLogWriter.js';
import { callerFor, claim, isGone } from './grants.js';
import type { SessionRecord } from './records.js';

/** How long the log may take to answer, in ms. */
const ANSWER_MS = 10_000;

/** `fenced`: another host has the session. `stopped`: the daemon stops. */
export type DirectWriteOutcome = 'done' | 'fenced' | 'stopped';

/** Holds the lease of a session that has no worker, and writes to its log. */
export class SuspendedSession {
  private lease: Lease | undefined;
  /** The session was granted to this daemon, and no failure has put that in doubt since. */
  private isOurs = false;
  /** The epoch of the last grant, whether or not anything was written under it. */
  private granted = 0;
  private readonly queue = new SerialQueue();

  constructor(
    private readonly access: LogAccess,
    private readonly record: SessionRecord,
    private readonly signal: AbortSignal,
  ) {}

  /** Runs one work at a time: a write to the log here, or the start of a worker, which takes the spool over. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.queue.run(work);
  }

  /**
   * Whether the session has an event in its log or in its spool: then it exists, also without a worker. Waits for the
   * backbone. False when another host has the session or the daemon stops.
   */
  async hasBegun(): Promise<boolean> {
    if (hasSpool(this.access.home, this.record.sid)) return true;
    let begun = false;
    await this.retryUntil('state of the session log is not known yet; retrying', async () => {
      if (!(await this.claimed())) return 'fenced';
      begun = (await this.last()) !== undefined;
      return 'done';
    });
    return begun;
  }

  /**
   * Acquires the lease, which shows viewers that the session is suspended and not lost. A session that another process
   * wrote to while this host was away appends `session_resumed`. Retries until it succeeds or `isNeeded` returns false.
   */
  async holdLease(isNeeded: () => boolean): Promise<DirectWriteOutcome> {
    return this.retryUntil('lease of a suspended session is not held yet; retrying', async () => {
      const { sid } = this.record;
      if (isNeeded() && !this.isOurs && !(await this.claimed())) return 'fenced';
      const last = await this.last();
      if (!isNeeded()) return 'stopped';
      // Another process wrote after our worker: it had found this host lost.
      if ((last !== undefined && last.epoch > this.record.epoch) || hasSpool(this.access.home, sid)) {
        const written = await this.exclusively(async () => (isNeeded() ? this.write([]) : 'stopped'));
        if (written !== 'done') return written;
      }
      const epoch = Math.max(this.record.epoch, this.granted);
      const held = await holdLease(await this.access.suspendedConnection.connectionFor(sid), `session.${sid}`, {
        epoch,
      });
      if (held.kind === 'held') this.lease = held.lease;
      return 'done';
    });
  }

  /** A worker has the session. Its lease has a higher epoch, so ours expires. */
  handOver(): void {
    this.lease = undefined;
    this.isOurs = true;
  }

  async release(): Promise<void> {
    await this.lease?.release();
    this.lease = undefined;
  }

  /** Whether the result of a command is in the log or in the spool. False also when the log does not answer. */
  async isAnswered(commandId: string): Promise<boolean> {
    const { sid } = this.record;
    const spooled = spooledEvents(spoolDir(this.access.home), sid, ['command_result']);
    if (spooled.some((event) => event.type === 'command_result' && event.commandId === commandId)) return true;
    try {
      const { backbone } = this.access;
      return await hasResult(backbone, callerFor(this.access, sid), commandId, { signal: this.signal });
    } catch (error) {
      this.access.log.warn({ sid, commandId, err: error }, 'could not determine whether the command has a result');
      return false;
    }
  }

  /** Writes to the log, after `session_resumed`. */
  async write(events: SessionEvent[]): Promise<DirectWriteOutcome> {
    return this.writeAs((epoch, resumed) =>
      resumed ? events : [{ type: 'session_resumed', at: Date.now(), epoch }, ...events],
    );
  }

  /** Writes the end of the session, after what is spooled and `before`. */
  async end(reason: EndReason, message: string | undefined, before: SessionEvent[]): Promise<DirectWriteOutcome> {
    const ended = { type: 'session_ended', at: Date.now(), reason } as const;
    return this.writeAs(() => [...before, message === undefined ? ended : { ...ended, message }]);
  }

  /** Writes the whole log of a session that never opened, so that people see why. */
  async endUnopened(
    started: (epoch: number, userId: string) => SessionEvent,
    reason: EndReason,
    message: string | undefined,
    before: SessionEvent[],
  ): Promise<DirectWriteOutcome> {
    const ended = { type: 'session_ended', at: Date.now(), reason } as const;
    const last = message === undefined ? ended : { ...ended, message };
    return this.writeAs((epoch) => [started(epoch, this.record.userId), ...before, last]);
  }

  /** Sends what is spooled. */
  async flush(): Promise<DirectWriteOutcome> {
    return hasSpool(this.access.home, this.record.sid) ? this.writeAs(() => []) : 'done';
  }

  private async writeAs(events: (epoch: number, resumed: boolean) => SessionEvent[]): Promise<DirectWriteOutcome> {
    const written = await appendWithoutWorker(this.access, this.record.sid, events, this.signal);
    if (written.kind !== 'written') return written.kind;
    this.record.epoch = written.epoch;
    this.record.userId = written.userId;
    this.isOurs = true;
    return 'done';
  }

  /** Claims the session again. False when another host has it. */
  private async claimed(): Promise<boolean> {
    const { sid } = this.record;
    const grant = await claim(this.access, sid, this.signal);
    if (grant.kind === 'granted') {
      this.granted = grant.epoch;
      this.record.userId = grant.userId;
      this.isOurs = true;
      return true;
    }
    if (isGone(grant.code)) return false;
    throw new CodedError(grant.code, `Session ${sid} is not granted to this runner`);
  }

  private async last(): Promise<LastEvent | undefined> {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_MS)]);
    return lastEvent(await this.access.suspendedConnection.connectionFor(this.record.sid), this.record.sid, signal);
  }

  /** Tries until it works or the daemon stops. A failure may be a right that was taken away: it is requested again. */
  private async retryUntil(what: string, attempt: () => Promise<DirectWriteOutcome>): Promise<DirectWriteOutcome> {
    const { suspendedConnection, log } = this.access;
    const { sid } = this.record;
    const onRetry = (error: unknown) => {
      log.warn({ sid, err: error }, what);
      this.isOurs = false;
      suspendedConnection.invalidate(sid);
    };
    return (await retry(attempt, { signal: this.signal, backoff: { maxMs: 5_000 }, onRetry })) ?? 'stopped';
  }
}
