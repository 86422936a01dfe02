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
/** Between two looks where there is nothing to do, in ms: who has something to do wakes it. */
const IDLE_MS = 60_000;
/** Every so many sweeps it is looked for what no row tells of, which takes a look at the whole store. */
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
          againMs: erasures.againMs,
        },
        ending,
      ),
      sweepAgainAndAgain(deps, sweeper, ending),
    ]);
    await lease.release();
  }
}

/** Asked first, because a later epoch would take it from a holder that is well. */
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

interface FinishOptions {
  prefix: string;
  /** False: it has to be called again. */
  finish: (key: string) => Promise<boolean>;
  /** What the log states when it fails. */
  what: string;
  againMs?: number | undefined;
}

/** Works off the rows of the bucket `usage` whose keys begin with `prefix`, as they come, and those left before. */
async function finishRows(
  { log }: Pick<SweepingDeps, 'log'>,
  rows: Pick<Bucket<unknown>, 'watch'>,
  { prefix, finish, what, againMs = AGAIN_MS }: FinishOptions,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set<string>();
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
      open.add(change.key);
      woken.abort();
    }
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      woken = new AbortController();
      for (const key of [...open]) if (!signal.aborted) await finishOne(key);
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
