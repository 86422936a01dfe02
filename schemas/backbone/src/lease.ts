import { PubHeaders } from '@nats-io/jetstream';
import { CodedError, decode, encode, isMap, numberAt } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { askOnce, callerFor, type HostApiCaller } from './askOnce.js';
import { readEntry } from './kv.js';
import { retryUntilDeadline } from './retryDelay.js';
import { writeHeaders, type StoredMessage } from './message.js';
import type { PublishOutcome } from './publisher.js';
import { keySubject, LEASES } from './streams.js';

/** How long a lease lives without being renewed, and how often it is, in ms. */
export const LEASE_TTL_MS = 15_000;
export const LEASE_RENEW_MS = 5_000;
/** How long the bucket remembers that a lease was released: longer than a watcher needs to read it. */
const RELEASED_TTL = '60s';

/** Who holds what, as the bucket has it. */
export interface LeaseValue {
  epoch: number;
  /** When it was last renewed, in ms since epoch. */
  at: number;
}

/** A key of the bucket of leases. Without `lease` it is free. */
export interface LeaseState {
  revision: number;
  lease?: LeaseValue;
}

export interface Lease {
  /** Resolves when a holder with a higher epoch has it. An outage does not end a lease: it is taken up again. */
  readonly lost: Promise<'taken'>;
  /** Gives it up; watchers learn at once. */
  release(): Promise<void>;
}

export type LeaseOutcome = { kind: 'held'; lease: Lease } | { kind: 'taken'; epoch: number };

export interface LeaseOptions {
  epoch: number;
  ttlMs?: number;
  renewMs?: number;
  /** Takes the lease only when no other holder has it, whatever its epoch. The epoch must be unique. */
  ifFree?: boolean;
}

/**
 * Takes a lease (`runner.<rid>`, `session.<sid>`) and keeps it until it is released or a higher epoch takes it. A
 * holder of the same or a lower epoch is replaced; one of a higher epoch refuses. Throws `unavailable` when the
 * backbone does not answer for ten seconds.
 */
export async function holdLease(b: Backbone, key: string, options: LeaseOptions): Promise<LeaseOutcome> {
  const connection = internals(b);
  const lease = new HeldLease(connection, key, options);
  const taken = await lease.take();
  if (taken !== undefined) return { kind: 'taken', epoch: taken };
  void lease.keep();
  return { kind: 'held', lease };
}

/** The lease as it is, or undefined when nobody holds it. */
export async function readLease(b: Backbone, key: string): Promise<LeaseValue | undefined> {
  return (await leaseAt(b, key)).lease;
}

/** The lease as it is and the revision of its key, 0 when nobody ever wrote it. Throws `unavailable` after ten seconds. */
export async function leaseAt(b: Backbone, key: string): Promise<LeaseState> {
  const connection = internals(b);
  const { host } = connection;
  if (host !== undefined) return askLease(connection, key);
  const entry = await readEntry(connection, LEASES, key);
  if (entry.kind === 'gone') return { revision: entry.revision };
  return { revision: entry.message.seq, lease: leaseValue(entry.message) };
}

/** A host asks the authenticator: it may read its own leases alone. */
async function askLease(connection: BackboneConnection, key: string): Promise<LeaseState> {
  const caller = callerOf(connection, key);
  const { revision, lease } = await retryUntilDeadline(() => askOnce(connection, caller, 'read_lease', {}));
  return { revision, ...(lease === undefined ? {} : { lease }) };
}

function callerOf(connection: BackboneConnection, key: string): HostApiCaller {
  const [kind, id = ''] = key.split('.');
  const caller = kind === 'runner' ? ({ kind, rid: id } as const) : callerFor(connection, id);
  if (caller === undefined) throw new TypeError(`The lease ${key} is not a host's`);
  return caller;
}

/** Total: a host writes what it likes into its own lease, and must not end who watches all of them. */
export function leaseValue({ payload }: StoredMessage): LeaseValue {
  try {
    const value: unknown = decode(payload);
    if (isMap(value)) return { epoch: numberAt(value, 'epoch') ?? 0, at: numberAt(value, 'at') ?? 0 };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  }
  return { epoch: 0, at: 0 };
}

class HeldLease implements Lease {
  readonly lost: Promise<'taken'>;
  private lose!: (reason: 'taken') => void;
  private readonly stopping = new AbortController();
  private readonly subject: string;
  private revision = 0;
  /** What the last attempt at a renewal said, ms since epoch. */
  private renewedAt = 0;
  private keeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: BackboneConnection,
    private readonly key: string,
    private readonly options: LeaseOptions,
  ) {
    this.subject = keySubject(LEASES, key);
    this.lost = new Promise((resolve) => (this.lose = resolve));
  }

  /** Takes it over whatever is there; the epoch of a holder that may keep it, or undefined on success. */
  async take(): Promise<number | undefined> {
    const retry = new RetryDelay();
    while (!this.stopping.signal.aborted) {
      const { revision, lease } = await leaseAt(this.connection, this.key);
      if (lease !== undefined && this.isOfOther(lease)) return lease.epoch;
      this.revision = revision;
      if ((await this.write()) === 'stored') return undefined;
      await retry.wait(this.stopping.signal);
    }
    return undefined;
  }

  private isOfOther({ epoch, at }: LeaseValue): boolean {
    const { options } = this;
    // The first write can be stored although its answer was lost.
    const isOwn = epoch === options.epoch && at === this.renewedAt;
    return epoch > options.epoch || (options.ifFree === true && !isOwn);
  }

  /** Renews until it is released or taken. */
  keep(): Promise<void> {
    this.keeping = this.renewing();
    return this.keeping;
  }

  async release(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.stopping.abort();
    await this.keeping;
    if (this.connection.status() !== 'connected' || (await this.remove()) !== 'conflict') return;
    // The last renewal was stored and its answer lost, or the lease is another's by now, maybe of the same epoch.
    const found = await leaseAt(this.connection, this.key).catch(() => undefined);
    if (found?.lease?.epoch !== this.options.epoch || found.lease.at !== this.renewedAt) return;
    this.revision = found.revision;
    await this.remove();
  }

  private async remove(): Promise<PublishOutcome['kind']> {
    const headers = writeHeaders([
      ['KV-Operation', 'DEL'],
      [PubHeaders.MessageTTL, RELEASED_TTL],
      [PubHeaders.ExpectedLastSubjectSequenceHdr, this.revision],
    ]);
    return (await this.connection.publisher.publish(this.subject, new Uint8Array(0), headers)).kind;
  }

  private async renewing(): Promise<void> {
    const { signal } = this.stopping;
    const retry = new RetryDelay();
    for (;;) {
      await sleep(this.options.renewMs ?? LEASE_RENEW_MS, signal);
      for (;;) {
        await this.connection.connected(signal);
        if (signal.aborted || this.connection.status() === 'closed') return;
        const outcome = await this.write();
        if (outcome === 'stored') break;
        if (outcome === 'conflict' && (await this.retake())) return;
        await retry.wait(signal);
      }
      retry.reset();
    }
  }

  /** The lease expired, or another has it. True when it is lost. */
  private async retake(): Promise<boolean> {
    const found = await leaseAt(this.connection, this.key).catch(() => undefined);
    if (found === undefined) return false;
    if (found.lease !== undefined && found.lease.epoch > this.options.epoch) {
      this.stopping.abort();
      this.lose('taken');
      return true;
    }
    this.revision = found.revision;
    return false;
  }

  /** One renewal: a plain publish, because the client's own put and update would make the lease last forever. */
  private async write(): Promise<'stored' | 'conflict' | 'unavailable'> {
    const { epoch, ttlMs = LEASE_TTL_MS } = this.options;
    const headers = writeHeaders([
      [PubHeaders.MessageTTL, `${Math.ceil(ttlMs / 1000)}s`],
      [PubHeaders.ExpectedLastSubjectSequenceHdr, this.revision],
    ]);
    this.renewedAt = Date.now();
    const value = encode({ epoch, at: this.renewedAt });
    const outcome = await this.connection.publisher.publish(this.subject, value, headers);
    if (outcome.kind === 'stored') this.revision = outcome.seq;
    return outcome.kind;
  }
}
