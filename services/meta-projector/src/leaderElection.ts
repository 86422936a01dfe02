import { holdLease, readLease, type Backbone, type Lease } from '@pizzapi/backbone';
import { backoff, sleep, type Logger } from '@pizzapi/process';

/** Key of the lease that says who folds. */
export const LEASE_KEY = 'projector';
/** Shorter than a host's: nothing is lost when two fold at once, and a list that stands still is seen. */
export const LEASE_TTL_MS = 6_000;
export const LEASE_RENEW_MS = 2_000;
/** How often a standby looks whether the lease is free. */
export const STANDBY_POLL_MS = 1_000;

export interface LeaderElectionOptions {
  backbone: Backbone;
  log: Logger;
  /** Ends the standby, or the term in an orderly way. */
  signal: AbortSignal;
  ttlMs?: number;
  renewMs?: number;
  pollMs?: number;
  /** What the active one does until `ending` aborts. With `lost`, another has the lease: it must stop at once. */
  term: (signals: { ending: AbortSignal; lost: AbortSignal }) => Promise<void>;
}

/** Stands by until nobody holds the lease, then does a term; again and again, until the signal aborts. */
export async function runAsLeader({ backbone, log, signal, term, ...times }: LeaderElectionOptions): Promise<void> {
  const { ttlMs = LEASE_TTL_MS, renewMs = LEASE_RENEW_MS, pollMs = STANDBY_POLL_MS } = times;
  const delays = backoff({ maxMs: pollMs });
  while (!signal.aborted) {
    const lease = await tryAcquire(backbone, LEASE_KEY, { epoch: Date.now(), ttlMs, renewMs }, log);
    if (lease === undefined) {
      await sleep(pollMs / 2 + Math.random() * (pollMs / 2), signal);
      continue;
    }
    const lost = new AbortController();
    void lease.lost.then(() => lost.abort());
    log.info({}, 'active: projecting');
    try {
      await term({ ending: AbortSignal.any([signal, lost.signal]), lost: lost.signal });
    } finally {
      await lease.release();
    }
    log.info({ lost: lost.signal.aborted }, 'standby');
    await sleep(delays.next(), signal);
  }
}

/** Takes a lease that is free. Reads it first, because a later epoch would take it from a holder that still runs. */
export async function tryAcquire(
  b: Backbone,
  key: string,
  options: { epoch: number; ttlMs: number; renewMs: number },
  log: Logger,
): Promise<Lease | undefined> {
  try {
    if ((await readLease(b, key)) !== undefined) return undefined;
    // Of two that ask in one millisecond, one must be refused.
    const outcome = await holdLease(b, key, { ...options, epoch: options.epoch + Math.random(), ifFree: true });
    return outcome.kind === 'held' ? outcome.lease : undefined;
  } catch (error) {
    log.warn({ err: error }, 'lease could not be read');
    return undefined;
  }
}
