import { PubHeaders } from '@nats-io/jetstream';
import { internals, type Backbone } from './connection.js';
import { RendezvousChannel } from './rendezvousChannel.js';
import { leaseAt, leaseValue } from './lease.js';
import { header, type StoredMessage } from './message.js';
import { LEASES } from './streams.js';
import { watchEntries } from './watchEntries.js';

/** How often a watch looks for leases that ran out, in ms. */
const LOOK_EVERY_MS = 500;

export type LeaseChange =
  | { kind: 'held'; key: string; epoch: number; at: number }
  | { kind: 'gone'; key: string; reason: 'expired' | 'released' }
  /** All leases there were when the watch began have been told. */
  | { kind: 'ready' };

/**
 * All leases whose key begins with `prefix`, then every change, until the signal aborts. Renewals are `held` too.
 *
 * The server removes a lease that ran out and leaves no marker: a stream that leaves markers also lets its writers roll
 * it up, and so a host could remove the leases of all others. The watch asks the server for each lease that is due.
 */
export async function* watchLeases(
  b: Backbone,
  prefix: 'runner.' | 'session.' | 'projector.' | '',
  signal: AbortSignal,
): AsyncGenerator<LeaseChange, void, void> {
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const changes = new RendezvousChannel<LeaseChange>(ended);
  const due = new Map<string, number>();
  let failure: { error: unknown } | undefined;
  const reading = (async () => {
    for await (const { key, message, reason } of watchEntries(internals(b), LEASES, prefix, ended)) {
      if (key === undefined) await changes.send({ kind: 'ready' });
      else if (reason !== undefined) {
        if (due.delete(key))
          await changes.send({ kind: 'gone', key, reason: reason === 'deleted' ? 'released' : reason });
      } else if (message !== undefined) {
        due.set(key, dueAt(message));
        await changes.send({ kind: 'held', key, ...leaseValue(message) });
      }
    }
  })().catch((error: unknown) => {
    failure = { error };
    stop.abort();
  });
  let looking = false;
  const look = async (): Promise<void> => {
    const now = Date.now();
    const keys = [...due].flatMap(([key, at]) => (at <= now ? [key] : []));
    await Promise.all(
      keys.map(async (key) => {
        const before = due.get(key);
        const { lease } = await leaseAt(b, key);
        // A renewal may have arrived meanwhile.
        if (lease !== undefined || due.get(key) !== before) return;
        due.delete(key);
        await changes.send({ kind: 'gone', key, reason: 'expired' });
      }),
    );
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // While the backbone is away no lease can be read; the next look asks again.
    look()
      .catch((err: unknown) => internals(b).log.warn({ err }, 'due leases could not be read; retrying'))
      .finally(() => (looking = false));
  }, LOOK_EVERY_MS);
  timer.unref();
  try {
    yield* changes;
  } finally {
    clearInterval(timer);
    stop.abort();
    await reading;
  }
  if (failure !== undefined) throw failure.error;
}

/** When a lease runs out if nobody renews it, by this machine's clock; the server decides. */
function dueAt({ at, text }: StoredMessage): number {
  const ttlMs = Number.parseInt(header(text, PubHeaders.MessageTTL) ?? '', 10) * 1_000;
  if (!(ttlMs > 0)) return Number.POSITIVE_INFINITY;
  const now = Date.now();
  return Math.min(Math.max(at + ttlMs, now), now + ttlMs);
}
