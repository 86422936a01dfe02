import { readSessionRow, watchLeases, type Backbone } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { CodedError, type SessionRow } from '@pizzapi/protocol';
import { GraceTimers } from './graceTimers.js';
import type { ProjectorMetrics } from './metrics.js';
import { endLostSession } from './endLostSession.js';

/** Time in ms that a runner may be away before its sessions are ended. */
export const HOST_LOST_GRACE_MS = 10 * 60_000;
/** How often the grace periods are checked, in ms. */
const TICK_MS = 1_000;
/** Sessions ended at once, at most. */
const REAPED_AT_ONCE = 16;

export interface ReaperOptions {
  backbone: Backbone;
  log: Logger;
  metrics: ProjectorMetrics;
  graceMs?: number;
  /** ms; injected in tests. */
  now?: () => number;
  tickMs?: number;
}

/**
 * Ends sessions whose host is permanently lost. The projection reports sessions with every row that it folds; hosts are
 * known from their leases.
 */
export class Reaper {
  private readonly timers: GraceTimers;
  private readonly now: () => number;
  private readonly returning = new Map<string, number>();
  /** Whether all existing leases are known; no session is ended before. */
  private leasesKnown = false;

  constructor(private readonly options: ReaperOptions) {
    this.timers = new GraceTimers(options.graceMs ?? HOST_LOST_GRACE_MS);
    this.now = options.now ?? Date.now;
  }

  /** A session's row as it is now, or undefined when the session was deleted. */
  onRow(sid: string, row: SessionRow | undefined): void {
    if (row === undefined || row.info.state === 'ended') this.timers.sessionOver(sid);
    else this.timers.sessionOpen(sid, this.now());
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const ticking = this.ticking(signal);
    for await (const change of watchLeases(this.options.backbone, 'session.', signal)) {
      if (change.kind === 'ready') this.leasesKnown = true;
      else if (change.kind === 'held') this.timers.leaseHeld(sidOf(change.key));
      else this.timers.leaseGone(sidOf(change.key), this.now());
    }
    await ticking;
  }

  private async ticking(signal: AbortSignal): Promise<void> {
    const { backbone, metrics, tickMs = TICK_MS } = this.options;
    while (!signal.aborted) {
      await sleep(tickMs, signal);
      metrics.waiting.set(this.timers.waiting);
      if (signal.aborted || !this.leasesKnown || backbone.status() !== 'connected') continue;
      const due = this.timers.due(this.now()).slice(0, REAPED_AT_ONCE);
      await Promise.all(due.map((sid) => this.end(sid, signal)));
    }
  }

  private async end(sid: string, signal: AbortSignal): Promise<void> {
    const { backbone, log, metrics } = this.options;
    try {
      const row = await readSessionRow(backbone, sid);
      if (row === undefined || row.info.state === 'ended') return this.timers.sessionOver(sid);
      const outcome = await endLostSession(backbone, { sid, row, knownEpoch: this.returning.get(sid), signal });
      if (outcome.kind === 'returning') this.returning.set(sid, outcome.epoch);
      else this.returning.delete(sid);
      if (outcome.kind !== 'ended') return this.timers.postpone(sid, this.now());
      this.timers.sessionOver(sid);
      metrics.ended.inc();
      log.info({ sid, seq: outcome.seq, runnerId: row.info.runnerId }, 'session ended: runner lost');
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      log.warn({ sid, code: error.code, err: error }, 'lost session could not be ended; retrying');
    }
  }
}

function sidOf(key: string): string {
  return key.slice('session.'.length);
}
