import { holdLease, openLedger, type Backbone, type Lease, type Ledger } from '@pizzapi/backbone';
import { CodedError } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import { RunnerEventPublisher } from '../daemon/runnerEventPublisher.js';
import { connectForSuspendedSessions, connectRunner } from '../daemon/connections.js';
import { requireSameWire } from '../daemon/requireSameWire.js';
import { loadIdentity } from '../daemon/identity.js';
import { SuspendedSessionsConnection } from '../daemon/suspendedSessionsConnection.js';
import type { HostAccess } from '../access/index.js';
import { MAX_TERMINALS, takeSlot, type TerminalSlot } from './slots.js';

/** How long the first connection may take, and be refused, in ms: a person waits for it. */
const CONNECT_MS = 10_000;
const REFUSED_MS = 5_000;
/** How long the last events of the host may take, in ms. */
const GOODBYE_MS = 1_000;

/** A terminal that is registered as a host and has no session yet. */
export interface ConnectedHost {
  slot: TerminalSlot;
  runnerId: string;
  /** When it came, in ms since epoch: the epoch of its lease. */
  epoch: number;
  backbone: Backbone;
  suspendedConnection: SuspendedSessionsConnection;
  lease: Lease;
  ledger: Ledger;
  publisher: RunnerEventPublisher;
  /** Publishes the end of the host and releases everything. Bounded in time. */
  close: () => Promise<void>;
}

/**
 * Takes a slot, connects and acquires the lease of its runner id. Throws `nats_unreachable`, `runner_refused`, `wire_mismatch`,
 * `too_many_sessions`, `store_in_use`; then nothing is left of it.
 */
export async function connectHost(
  home: string,
  { natsUrl, token }: HostAccess,
  log: Logger,
  signal: AbortSignal,
): Promise<ConnectedHost> {
  const slot = await takeSlot(home);
  if (slot === undefined) {
    throw new CodedError('too_many_sessions', `${MAX_TERMINALS} terminals of this home already share their sessions`);
  }
  const undo: (() => Promise<unknown> | void)[] = [() => slot.release()];
  const letGo = async () => {
    for (const step of undo.splice(0).reverse()) await Promise.resolve(step()).catch(() => undefined);
  };
  try {
    const identity = await loadIdentity(slot.home.identity);
    const { runnerId } = identity;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
    const backbone = await connectRunner({ natsUrl, identity, token, log, signal: patience }, REFUSED_MS);
    undo.push(() => backbone.close());
    await requireSameWire(backbone, { runnerId, log });
    const suspendedConnection = new SuspendedSessionsConnection(() =>
      connectForSuspendedSessions({ natsUrl, identity, token, log, signal }),
    );
    undo.push(() => suspendedConnection.close());
    const ledger = openLedger(slot.home.ledger);
    undo.push(() => ledger.close());
    const epoch = Date.now();
    const held = await holdLease(backbone, `runner.${runnerId}`, { epoch });
    if (held.kind === 'taken') throw new CodedError('store_in_use', `Another terminal already uses ${runnerId}`);
    const { lease } = held;
    undo.push(() => lease.release());
    const publisher = new RunnerEventPublisher(backbone, runnerId, slot.home, log);
    undo.push(() => publisher.close(GOODBYE_MS));
    const close = async () => {
      publisher.publish({ type: 'runner_stopped', reason: 'stopped' });
      await letGo();
    };
    return { slot, runnerId, epoch, backbone, suspendedConnection, lease, ledger, publisher, close };
  } catch (error) {
    await letGo();
    throw error;
  }
}
