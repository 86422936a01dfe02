import { LatencyCounts, withTimeout, type BackboneCounts } from '@pizzapi/process';
import type { WorkerIpcClient } from '../ipc/client.js';
import type { WorkerFigures } from '../ipc/messages.js';

/** How long a worker may take to answer, in ms: a scrape must not wait for a busy worker. */
const ANSWER_MS = 1_000;

type Plain = Omit<BackboneCounts, 'appends'>;
const FIELDS = [
  'reconnects',
  'staleEpochEvents',
  'gapsFilled',
  'readersRebuilt',
  'foreignMessages',
  'eventsAppended',
  'appendsFailed',
] as const satisfies (keyof Plain)[];

/** What several connections to the backbone count together. */
class CountSum implements BackboneCounts {
  reconnects = 0;
  staleEpochEvents = 0;
  gapsFilled = 0;
  readersRebuilt = 0;
  foreignMessages = 0;
  eventsAppended = 0;
  appendsFailed = 0;
  readonly appends = new LatencyCounts();

  add(counts: BackboneCounts): void {
    for (const field of FIELDS) this[field] += counts[field];
    this.appends.add(counts.appends);
  }
}

/** A worker whose counts are read. */
export interface CountedWorker {
  worker: { link: Pick<WorkerIpcClient, 'closed' | 'lastCounts' | 'request'> };
  /** The session waits for room in its spool. */
  isPaused?: boolean;
}

/**
 * What the workers of a runner count at their own connections to the backbone. A worker sends its last counts when it
 * leaves; those of a worker that is killed are as old as the last scrape.
 */
export class WorkerCounts {
  private readonly ended = new CountSum();
  private readonly workers = new Map<CountedWorker, WorkerFigures | undefined>();

  /** Counts a worker until its IPC connection is closed. */
  follow(attached: CountedWorker): void {
    const { link } = attached.worker;
    this.workers.set(attached, undefined);
    void link.closed.then(() => {
      const last = link.lastCounts ?? this.workers.get(attached);
      this.workers.delete(attached);
      if (last !== undefined) this.ended.add(last);
    });
  }

  /** How many sessions wait for room in their spools. */
  get paused(): number {
    return [...this.workers.keys()].filter(({ isPaused }) => isPaused === true).length;
  }

  /** The bytes that wait in the spool of each session, as its worker last said. */
  get spools(): Map<string, number> {
    const known = [...this.workers.values()].flatMap((figures) => figures ?? []);
    return new Map(known.map(({ sid, spoolBytes }) => [sid, spoolBytes]));
  }

  /** Reads what each worker has counted by now, and adds the counts of this process. */
  async total(own: BackboneCounts): Promise<BackboneCounts> {
    await Promise.all([...this.workers.keys()].map((attached) => this.read(attached)));
    const sum = new CountSum();
    sum.add(own);
    sum.add(this.ended);
    for (const counts of this.workers.values()) if (counts !== undefined) sum.add(counts);
    return sum;
  }

  /** A worker of an earlier version refuses the question, and counts nothing. */
  private async read(attached: CountedWorker): Promise<void> {
    const answered = await withTimeout(attached.worker.link.request('counts', {}), ANSWER_MS);
    if (answered?.kind === 'answered' && this.workers.has(attached)) this.workers.set(attached, answered.answer);
  }
}
