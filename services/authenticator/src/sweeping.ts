import { deletedRows, holdLease, readLease, type Lease } from '@pizzapi/backbone';
import { sleep } from '@pizzapi/process';
import { BlobSweeper, type BlobSweeperDeps } from './blobSweeper.js';

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
    await Promise.all([finishDeletions(deps, sweeper, ending), sweepAgainAndAgain(deps, sweeper, ending)]);
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

/** Removes the blobs of sessions as they are deleted, whichever authenticator was asked, and of those left before. */
async function finishDeletions({ b, log }: SweepingDeps, sweeper: BlobSweeper, signal: AbortSignal): Promise<void> {
  const open = new Set<string>();
  let woken = new AbortController();
  const finish = async (key: string): Promise<void> => {
    try {
      if (await sweeper.removeDeleted(key)) open.delete(key);
    } catch (err) {
      if (!signal.aborted) log.warn({ err, key }, 'files of a deleted session could not be removed; retrying');
    }
  };
  const watch = async (): Promise<void> => {
    for await (const change of deletedRows(b).watch({ signal, prefix: 'deleted.' })) {
      if (change.kind !== 'value') continue;
      open.add(change.key);
      woken.abort();
    }
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      woken = new AbortController();
      for (const key of [...open]) if (!signal.aborted) await finish(key);
      await sleep(open.size === 0 ? IDLE_MS : AGAIN_MS, AbortSignal.any([signal, woken.signal]));
    }
  };
  await Promise.all([watch(), work()]);
}

async function sweepAgainAndAgain(deps: SweepingDeps, sweeper: BlobSweeper, signal: AbortSignal): Promise<void> {
  const { log, sweepMs = SWEEP_MS } = deps;
  for (let sweeps = 0; !signal.aborted; sweeps++) {
    try {
      await sweeper.sweep(signal);
      if (sweeps % SWEEPS_PER_LOOK === 0 && !signal.aborted) await sweeper.removeAbandoned();
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'sweep of files aborted');
    }
    await sleep(sweepMs, signal);
  }
}
