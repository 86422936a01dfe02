import { watchLeases, type Backbone, type Lease } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { LEASE_KEY, LEASE_RENEW_MS, LEASE_TTL_MS, STANDBY_POLL_MS, tryAcquire } from './leaderElection.js';

/** The leases of partitions are `projector.<number>`, those of projectors `projector.<id>` with this beginning. */
const MEMBER = 'member';
const PREFIX = `${LEASE_KEY}.`;

export interface PartitionSharingOptions {
  backbone: Backbone;
  log: Logger;
  partitions: number;
  /** Ends all terms in an orderly way. */
  signal: AbortSignal;
  ttlMs?: number;
  renewMs?: number;
  pollMs?: number;
  /** What the holder of a partition does until `ending` aborts. With `lost`, another has the lease: it must stop at once. */
  term: (partition: number, signals: { ending: AbortSignal; lost: AbortSignal }) => Promise<void>;
}

/**
 * How many partitions a projector takes: each the same number, those whose ids come first one more where that does not
 * divide.
 */
export function shareOf(id: string, members: readonly string[], partitions: number): number {
  const all = [...new Set([...members, id])].sort();
  const rest = partitions % all.length;
  return Math.floor(partitions / all.length) + (all.indexOf(id) < rest ? 1 : 0);
}

interface Term {
  ending: AbortController;
  ended: Promise<void>;
}

/**
 * Shares the partitions evenly with the other projectors, until the signal aborts. Each projector has a lease that says
 * that it is there, and one for each partition that it folds. When a projector dies, its leases expire and the others take
 * its partitions; when one comes, the others release what is above their share.
 */
export class PartitionSharing {
  private readonly id = newId(MEMBER);
  private readonly terms = new Map<number, Term>();
  /** The keys of the leases that are held, as watched. */
  private readonly held = new Set<string>();
  private isKnown = false;
  private wake: () => void = () => undefined;
  private failure: { error: unknown } | undefined;

  constructor(private readonly options: PartitionSharingOptions) {}

  /** Throws what a term throws, after all others have ended. */
  async run(): Promise<void> {
    const { signal } = this.options;
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    ended.addEventListener('abort', () => this.wake(), { once: true });
    const watching = this.watch(ended).catch((error: unknown) => this.fail(error));
    const member = await this.join(ended);
    try {
      while (!ended.aborted && this.failure === undefined) {
        if (this.isKnown) await this.adjust();
        await this.pause(ended);
      }
    } finally {
      stop.abort();
      await Promise.all([...this.terms.values()].map(({ ending, ended: over }) => (ending.abort(), over)));
      await Promise.all([member?.release(), watching]);
    }
    if (this.failure !== undefined) throw this.failure.error;
  }

  private times(): { ttlMs: number; renewMs: number } {
    const { ttlMs = LEASE_TTL_MS, renewMs = LEASE_RENEW_MS } = this.options;
    return { ttlMs, renewMs };
  }

  /** Tries until nats-server answers. The key is new, so that no other projector has it. */
  private async join(signal: AbortSignal): Promise<Lease | undefined> {
    const { backbone, log } = this.options;
    while (!signal.aborted) {
      const lease = await tryAcquire(backbone, PREFIX + this.id, { epoch: Date.now(), ...this.times() }, log);
      if (lease !== undefined) return lease;
      await this.pause(signal);
    }
    return undefined;
  }

  private async watch(signal: AbortSignal): Promise<void> {
    for await (const change of watchLeases(this.options.backbone, PREFIX, signal)) {
      if (change.kind === 'ready') this.isKnown = true;
      else if (change.kind === 'held') {
        if (this.held.has(change.key)) continue;
        this.held.add(change.key);
      } else this.held.delete(change.key);
      this.wake();
    }
  }

  /** Releases or takes partitions, so that this projector has its share. */
  private async adjust(): Promise<void> {
    const { partitions } = this.options;
    const members = [...this.held].flatMap((key) =>
      key.startsWith(PREFIX + MEMBER) ? [key.slice(PREFIX.length)] : [],
    );
    const share = shareOf(this.id, members, partitions);
    const running = [...this.terms].filter(([, { ending }]) => !ending.signal.aborted);
    for (const [, { ending }] of running.slice(share)) ending.abort();
    let missing = share - running.length;
    for (const partition of shuffled(partitions)) {
      if (missing <= 0) return;
      if (this.terms.has(partition) || this.held.has(`${PREFIX}${partition}`)) continue;
      if (await this.take(partition)) missing--;
    }
  }

  private async take(partition: number): Promise<boolean> {
    const { backbone, log } = this.options;
    const times = { epoch: Date.now(), ...this.times() };
    const lease = await tryAcquire(backbone, `${PREFIX}${partition}`, times, log);
    if (lease === undefined) return false;
    const ending = new AbortController();
    this.terms.set(partition, { ending, ended: this.runTerm(partition, lease, ending) });
    return true;
  }

  private async runTerm(partition: number, lease: Lease, ending: AbortController): Promise<void> {
    const { log, term } = this.options;
    const lost = new AbortController();
    void lease.lost.then(() => lost.abort());
    log.info({ partition }, 'active: projecting a partition');
    try {
      await term(partition, { ending: AbortSignal.any([ending.signal, lost.signal]), lost: lost.signal });
    } catch (error) {
      this.fail(error);
    } finally {
      await lease.release();
      this.terms.delete(partition);
      log.info({ partition, lost: lost.signal.aborted }, 'partition released');
      this.wake();
    }
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.wake();
  }

  private async pause(signal: AbortSignal): Promise<void> {
    const { pollMs = STANDBY_POLL_MS } = this.options;
    if (signal.aborted) return;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    await sleep(pollMs / 2 + Math.random() * (pollMs / 2), woken.signal);
  }
}

/** The partitions in any order: projectors that look at once do not all take the same. */
function shuffled(partitions: number): number[] {
  const all = Array.from({ length: partitions }, (_, partition) => ({ partition, at: Math.random() }));
  return all.sort((one, other) => one.at - other.at).map(({ partition }) => partition);
}
