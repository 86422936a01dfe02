import { holdLease, ownerOf, type Lease } from '@pizzapi/backbone';
import type { EndReason, SessionEvent } from '@pizzapi/protocol';
import { backoff, sleep } from '@pizzapi/process';
import { hasSpool, writeWithoutWorker, type LogAccess } from './closing.js';
import type { SessionRecord } from './records.js';

/** `fenced`: the session is another host's now. `stopped`: the daemon stops. */
export type Alone = 'done' | 'fenced' | 'stopped';

/** What a daemon does itself for a session that has no worker: hold its lease, write to its log. */
export class Absence {
  private lease: Lease | undefined;

  constructor(
    private readonly access: LogAccess,
    private readonly record: SessionRecord,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Takes the lease, so that everybody sees the session sleeps and is not lost. A session whose time ran out while this
   * host was away says that it is back. Goes on until it works or `isNeeded` says no.
   */
  async hold(isNeeded: () => boolean): Promise<Alone> {
    const { backbone, runnerId, home, log } = this.access;
    const { sid } = this.record;
    const pauses = backoff({ maxMs: 5_000 });
    while (!this.signal.aborted && isNeeded()) {
      try {
        const owner = await ownerOf(backbone, sid);
        if (owner !== undefined && owner.runnerId !== runnerId) return 'fenced';
        if (owner?.epoch !== this.record.epoch || hasSpool(home, sid)) {
          const written = await this.write([]);
          if (written !== 'done') return written;
        }
        const held = await holdLease(backbone, `session.${sid}`, { epoch: this.record.epoch });
        if (held.kind === 'held') this.lease = held.lease;
        return 'done';
      } catch (error) {
        log.warn({ sid, err: error }, 'the lease of a sleeping session is not held yet');
        await sleep(pauses.next(), this.signal);
      }
    }
    return 'stopped';
  }

  /** A worker has the session: its lease has a higher epoch, and ours ends by itself. */
  handOver(): void {
    this.lease = undefined;
  }

  async release(): Promise<void> {
    await this.lease?.release();
    this.lease = undefined;
  }

  /** Writes to the log, after `session_resumed`. */
  async write(events: SessionEvent[]): Promise<Alone> {
    return this.writeAs((epoch, resumed) =>
      resumed ? events : [{ type: 'session_resumed', at: Date.now(), epoch }, ...events],
    );
  }

  /** Writes the end of the session, after what is spooled and `before`. */
  async end(reason: EndReason, message: string | undefined, before: SessionEvent[]): Promise<Alone> {
    const ended = { type: 'session_ended', at: Date.now(), reason } as const;
    return this.writeAs(() => [...before, message === undefined ? ended : { ...ended, message }]);
  }

  /** Sends what is spooled. */
  async flush(): Promise<Alone> {
    return hasSpool(this.access.home, this.record.sid) ? this.writeAs(() => []) : 'done';
  }

  private async writeAs(events: (epoch: number, resumed: boolean) => SessionEvent[]): Promise<Alone> {
    const written = await writeWithoutWorker(this.access, this.record, events, this.signal);
    if (written.kind !== 'written') return written.kind;
    this.record.epoch = written.epoch;
    return 'done';
  }
}
