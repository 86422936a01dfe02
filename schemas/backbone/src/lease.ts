import { PubHeaders } from '@nats-io/jetstream';
import { CodedError, decode, encode, isMap, numberAt } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import { Retry } from './backoff.js';
import { inside, type Backbone, type Connection } from './connection.js';
import { readEntry, watchEntries, type Entry } from './kv.js';
import { writeHeaders, type StoredMessage } from './message.js';
import type { PublishOutcome } from './publisher.js';
import { keySubject, LEASES } from './streams.js';

/** How long a lease lives without being renewed, and how often it is, in ms. */
export const LEASE_TTL_MS = 15_000;
export const LEASE_RENEW_MS = 5_000;

/** Who holds what, as the bucket has it. */
export interface LeaseValue {
  epoch: number;
  /** When it was last renewed, in ms since epoch. */
  at: number;
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
}

export type LeaseChange =
  | { kind: 'held'; key: string; epoch: number; at: number }
  | { kind: 'gone'; key: string; reason: 'expired' | 'released' }
  /** All leases there were when the watch began have been told. */
  | { kind: 'ready' };

/**
 * Takes a lease (`runner.<rid>`, `session.<sid>`) and keeps it until it is released or a higher epoch takes it. A
 * holder of the same or a lower epoch is replaced; one of a higher epoch refuses. Throws `unavailable` when the
 * backbone does not answer for ten seconds.
 */
export async function holdLease(b: Backbone, key: string, options: LeaseOptions): Promise<LeaseOutcome> {
  const connection = inside(b);
  const lease = new HeldLease(connection, key, options);
  const taken = await lease.take();
  if (taken !== undefined) return { kind: 'taken', epoch: taken };
  void lease.keep();
  return { kind: 'held', lease };
}

/** The lease as it is, or undefined when nobody holds it. */
export async function readLease(b: Backbone, key: string): Promise<LeaseValue | undefined> {
  const entry = await readEntry(inside(b), LEASES, key);
  return entry.kind === 'value' ? leaseValue(entry.message) : undefined;
}

/** All leases whose key begins with `prefix`, then every change, until the signal aborts. Renewals are `held` too. */
export async function* watchLeases(
  b: Backbone,
  prefix: 'runner.' | 'session.' | '',
  signal: AbortSignal,
): AsyncGenerator<LeaseChange, void, void> {
  for await (const { key, message, reason } of watchEntries(inside(b), LEASES, prefix, signal)) {
    if (key === undefined) yield { kind: 'ready' };
    else if (reason !== undefined) yield { kind: 'gone', key, reason: reason === 'deleted' ? 'released' : 'expired' };
    else if (message !== undefined) yield { kind: 'held', key, ...leaseValue(message) };
  }
}

/** Total: a host writes what it likes into its own lease, and must not end who watches all of them. */
function leaseValue({ payload }: StoredMessage): LeaseValue {
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
    private readonly connection: Connection,
    private readonly key: string,
    private readonly options: LeaseOptions,
  ) {
    this.subject = keySubject(LEASES, key);
    this.lost = new Promise((resolve) => (this.lose = resolve));
  }

  /** Takes it over whatever is there; the epoch of a holder that may keep it, or undefined on success. */
  async take(): Promise<number | undefined> {
    const retry = new Retry();
    while (!this.stopping.signal.aborted) {
      const entry = await readEntry(this.connection, LEASES, this.key);
      const holder = epochOf(entry);
      if (holder > this.options.epoch) return holder;
      this.revision = entry.kind === 'value' ? entry.message.seq : entry.revision;
      if ((await this.write()) === 'stored') return undefined;
      await retry.wait(this.stopping.signal);
    }
    return undefined;
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
    const entry = await readEntry(this.connection, LEASES, this.key).catch(() => undefined);
    if (entry?.kind !== 'value') return;
    const { epoch, at } = leaseValue(entry.message);
    if (epoch !== this.options.epoch || at !== this.renewedAt) return;
    this.revision = entry.message.seq;
    await this.remove();
  }

  private async remove(): Promise<PublishOutcome['kind']> {
    const headers = writeHeaders([
      ['KV-Operation', 'DEL'],
      [PubHeaders.ExpectedLastSubjectSequenceHdr, this.revision],
    ]);
    return (await this.connection.publisher.publish(this.subject, new Uint8Array(0), headers)).kind;
  }

  private async renewing(): Promise<void> {
    const { signal } = this.stopping;
    const retry = new Retry();
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
    const entry = await readEntry(this.connection, LEASES, this.key).catch(() => undefined);
    if (entry === undefined) return false;
    if (epochOf(entry) > this.options.epoch) {
      this.stopping.abort();
      this.lose('taken');
      return true;
    }
    this.revision = entry.kind === 'value' ? entry.message.seq : entry.revision;
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

function epochOf(entry: Entry): number {
  return entry.kind === 'value' ? leaseValue(entry.message).epoch : 0;
}
