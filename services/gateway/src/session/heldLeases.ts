import { setMaxListeners } from 'node:events';
import { keepWatching, watchLeases, type Backbone } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { idInLease, isLeaseOf, leaseKey, type LeaseKind } from '../leaseKinds.js';

/** A host that releases a lease has often just ended the session: the time for the projection to show it, in ms. */
const RELEASE_MS = 500;

export interface LeaseListener {
  /** A lease came or went. */
  changed(key: string, change: 'held' | 'released' | 'expired'): void;
  /** The same, after a released lease had a moment to be held again. */
  settled(key: string): void;
  /** All leases that are held are known. */
  listed(): void;
}

/** The leases that are held, of sessions, runners and projectors. */
export class HeldLeases {
  private readonly keys = new Set<string>();

  constructor(
    private readonly b: Backbone,
    private readonly log: Logger,
    private readonly listener: LeaseListener,
  ) {}

  /** Follows the leases until the signal aborts. */
  start(signal: AbortSignal): void {
    // Every lease that is released waits for a moment.
    setMaxListeners(0, signal);
    void keepWatching(() => this.watch(signal), { signal, log: this.log, what: 'leases' });
  }

  has(kind: LeaseKind, id: string): boolean {
    return this.keys.has(leaseKey(kind, id));
  }

  /** The ids of what has a lease of a kind. */
  ids(kind: LeaseKind): string[] {
    return [...this.keys].filter((key) => isLeaseOf(key, kind)).map(idInLease);
  }

  count(kind: LeaseKind): number {
    let count = 0;
    for (const key of this.keys) if (isLeaseOf(key, kind)) count++;
    return count;
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const { listener } = this;
    for await (const change of watchLeases(this.b, '', signal)) {
      if (change.kind === 'ready') listener.listed();
      else if (change.kind === 'held' ? !this.keys.has(change.key) : this.keys.has(change.key)) {
        const { key } = change;
        if (change.kind === 'held') this.keys.add(key);
        else this.keys.delete(key);
        listener.changed(key, change.kind === 'held' ? 'held' : change.reason);
        if (change.kind === 'held' || change.reason === 'expired') listener.settled(key);
        else void sleep(RELEASE_MS, signal).then(() => this.keys.has(key) || listener.settled(key));
      }
    }
  }
}
