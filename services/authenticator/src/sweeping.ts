import {
  deletedRows,
  ERASING_PREFIX,
  erasingRows,
  holdLease,
  readLease,
  type Bucket,
  type Lease,
} from '@pizzapi/backbone';
import { sleep } from '@pizzapi/process';
import { BlobSweeper, type BlobSweeperDeps } from './blobSweeper.js';
import type { Erasures } from './erasures.js';
import { enforceRetention, type RetentionRules } from './retention.js';

/** Of several authenticators, the one that holds this lease sweeps. */
export const SWEEPER_LEASE = 'blob-sweeper';
/** Between two sweeps, in ms. */
export const SWEEP_MS = 60 * 60_000;
/** Between two tries at what could not be done at once, in ms. */
const AGAIN_MS = 5_000;
/** Between two looks where there is nothing to do, in ms. A new row ends the pause. */
const IDLE_MS = 60_000;
/** After so many sweeps, the next one also removes objects without a row, for which it reads the whole store. */
const SWEEPS_PER_LOOK = 6;

export interface SweepingDeps extends BlobSweeperDeps {
  sweepMs?: number | undefined;
  erasures: Erasures;
  /** What is kept of what has ended, where no admin said otherwise of an account. */
  retention: RetentionRules;
}

/** Waits for the lease of the sweeper, then sweeps, until the signal aborts. */
export async function sweepBlobs(deps: SweepingDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const lease = await takeLease(deps);
    if (lease === undefined) {
      await sleep(AGAIN_MS / 2 + (Math.random() * AGAIN_MS) / 2, signal);
      continue;
    }
    const lost = new AbortController();
    void lease.lost.then(() => lost.abort());
    const ending = AbortSignal.any([signal, lost.signal]);
    const sweeper = new BlobSweeper(deps);
    const { b, admin, erasures } = deps;
    await Promise.all([
      finishRows(
        deps,
        deletedRows(b),
        {
          ...{ prefix: 'deleted.', what: 'files of a deleted session could not be removed; retrying' },
          finish: (key) => sweeper.removeDeleted(key),
        },
        ending,
      ),
      finishRows(
        deps,
        erasingRows(admin),
        {
          ...{ prefix: ERASING_PREFIX, what: 'not everything could be erased; retrying' },
          finish: (key) => erasures.work(key),
          // A person waits for it.
          isUrgent: ({ why }) => why === 'asked',
          againMs: erasures.againMs,
        },
        ending,
      ),
      sweepAgainAndAgain(deps, sweeper, ending),
    ]);
    await lease.release();
  }
}

/** Reads the lease first, because a later epoch would take it from a holder that still runs. */
async function takeLease({ admin, log }: SweepingDeps): Promise<Lease | undefined> {
  try {
    if ((await readLease(admin, SWEEPER_LEASE)) !== undefined) return undefined;
    const outcome = await holdLease(admin, SWEEPER_LEASE, { epoch: Date.now() });
    return outcome.kind === 'held' ? outcome.lease : undefined;
  } catch (err) {
    log.warn({ err }, 'lease of the sweeper could not be read');
    return undefined;
  }
}

interface FinishOptions<T> {
  prefix: string;
  /** Rows that are worked off before others. */
  isUrgent?: (row: T) => boolean;
  /** False: it has to be called again. */
  finish: (key: string) => Promise<boolean>;
  /** What the log states when it fails. */
  what: string;
  againMs?: number | undefined;
}

/** Works off the rows of the bucket `usage` whose keys begin with `prefix`: those that are there, and those that come. */
async function finishRows<T>(
  { log }: Pick<SweepingDeps, 'log'>,
  rows: Pick<Bucket<T>, 'watch'>,
  { prefix, finish, what, isUrgent = () => false, againMs = AGAIN_MS }: FinishOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  /** The keys of the rows, with whether they are urgent. */
  const open = new Map<string, boolean>();
  /** Urgent rows that came during a pass. */
  let arrived: string[] = [];
  let woken = new AbortController();
  const finishOne = async (key: string): Promise<void> => {
    try {
      if (await finish(key)) open.delete(key);
    } catch (err) {
      if (!signal.aborted) log.warn({ err, key }, what);
    }
  };
  const watch = async (): Promise<void> => {
    for await (const change of rows.watch({ signal, prefix })) {
      // A row that is rewritten was worked on already, here.
      if (change.kind !== 'value' || open.has(change.key)) continue;
      const urgent = isUrgent(change.value);
      open.set(change.key, urgent);
      if (urgent) arrived.push(change.key);
      woken.abort();
    }
  };
  /** Urgent rows come first, also those that come meanwhile. */
  const passOver = async (): Promise<void> => {
    const keys = [...open].sort(([, one], [, other]) => Number(other) - Number(one)).map(([key]) => key);
    arrived = [];
    for (const key of keys) {
      for (const urgent of arrived.splice(0)) await finishOne(urgent);
      if (signal.aborted) return;
      await finishOne(key);
    }
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      woken = new AbortController();
      await passOver();
      await sleep(open.size === 0 ? IDLE_MS : againMs, AbortSignal.any([signal, woken.signal]));
    }
  };
  await Promise.all([watch(), work()]);
}

async function sweepAgainAndAgain(deps: SweepingDeps, sweeper: BlobSweeper, signal: AbortSignal): Promise<void> {
  const { log, sweepMs = SWEEP_MS } = deps;
  for (let sweeps = 0; !signal.aborted; sweeps++) {
    try {
      await sweeper.sweep(signal);
      await enforceRetention(deps, signal);
      if (sweeps % SWEEPS_PER_LOOK === 0 && !signal.aborted) await sweeper.removeAbandoned();
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'sweep of files aborted');
    }
    await sleep(sweepMs, signal);
  }
}
