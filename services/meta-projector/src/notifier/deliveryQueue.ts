import type { Logger } from '@pizzapi/process';
import type { Delivery } from '@pizzapi/process/notify';
import type { PushPayload } from '@pizzapi/protocol';
import type { NotifierMetrics } from './metrics.js';

/** Requests under way at once, to all targets. Each target has one, so that what is newer comes later. */
const PARALLEL = 32;
/** Notifications that wait for one target, and for all. With more, the oldest of the target goes. */
const WAITING_PER_TARGET = 50;
const WAITING = 5_000;
/** Pauses before another try, in ms; after the last, it is given up. */
const RETRY_MS = [1_000, 5_000, 30_000];

/** One way to reach somebody: a browser, a webhook. */
export interface DeliveryTarget {
  /** One of these sends at a time. */
  key: string;
  channel: 'push' | 'webhook';
  /** Host of the other side, for the log: the rest of its address is a secret. */
  host: string;
  send: (payload: PushPayload) => Promise<Delivery>;
  /** There is nobody any more. */
  onGone?: () => Promise<void>;
}

interface Job {
  target: DeliveryTarget;
  payload: PushPayload;
  tries: number;
}

interface TargetQueue {
  jobs: Job[];
  /** Sends, or waits until it may try again. */
  busy: boolean;
  timer?: NodeJS.Timeout;
}

export interface DeliveryQueueOptions {
  log: Logger;
  metrics: NotifierMetrics;
  retryMs?: readonly number[] | undefined;
}

/**
 * What is to be sent, on its way out. Nobody waits for it: it is bounded, sends to many at once and to each in order,
 * and tries again what may work later. A newer notification of the same tag takes the place of one that still waits.
 */
export class DeliveryQueue {
  private readonly queues = new Map<string, TargetQueue>();
  private sending = 0;
  private total = 0;
  private stopped = false;
  private idleNow: (() => void) | undefined;
  private readonly retryMs: readonly number[];

  constructor(private readonly options: DeliveryQueueOptions) {
    this.retryMs = options.retryMs ?? RETRY_MS;
  }

  enqueue(target: DeliveryTarget, payload: PushPayload): void {
    if (this.stopped) return this.drop(1, 'stopped');
    const lane = this.queues.get(target.key) ?? { jobs: [], busy: false };
    // The first of a lane that is busy is on its way.
    const replaced = lane.jobs.findIndex((job, at) => job.payload.tag === payload.tag && !(lane.busy && at === 0));
    if (replaced >= 0) this.remove(lane, replaced, 'replaced');
    else if (lane.jobs.length >= WAITING_PER_TARGET) this.remove(lane, lane.busy ? 1 : 0, 'full');
    if (this.total >= WAITING) return this.drop(1, 'full');
    this.queues.set(target.key, lane);
    lane.jobs.push({ target, payload, tries: 0 });
    this.count(1);
    this.dispatchNext();
  }

  /** Takes nothing new, tries nothing again, and resolves when what is under way is over or `ms` have passed. */
  async stop(ms: number): Promise<void> {
    for (const lane of this.queues.values()) {
      if (lane.timer === undefined) continue;
      clearTimeout(lane.timer);
      this.drop(1, 'stopped');
      this.next(lane);
    }
    this.stopped = true;
    this.dispatchNext();
    if (this.total > 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
      await Promise.race([late, new Promise<void>((resolve) => (this.idleNow = resolve))]);
      clearTimeout(timer);
    }
    this.drop(this.total, 'stopped');
    this.count(-this.total);
    this.queues.clear();
  }

  private dispatchNext(): void {
    for (const lane of this.queues.values()) {
      if (this.sending >= PARALLEL) return;
      if (!lane.busy && lane.jobs.length > 0) void this.run(lane);
    }
  }

  private async run(lane: TargetQueue): Promise<void> {
    const job = lane.jobs[0]!;
    lane.busy = true;
    this.sending++;
    job.tries++;
    const delivery = await this.attempt(job);
    this.sending--;
    const pause = delivery.kind === 'failed' ? this.pauseOf(job, delivery.retryAfterMs) : undefined;
    if (pause === undefined) {
      this.options.metrics.sent.inc({ channel: job.target.channel, outcome: delivery.kind });
      this.next(lane);
    } else
      lane.timer = setTimeout(() => {
        delete lane.timer;
        lane.busy = false;
        // Something newer of the same tag came while this waited: it says what is so now.
        const newer = lane.jobs.slice(1).some(({ payload }) => payload.tag === job.payload.tag);
        if (newer) this.remove(lane, 0, 'replaced');
        this.dispatchNext();
      }, pause);
    this.dispatchNext();
  }

  /** The first of a lane is done with. */
  private next(lane: TargetQueue): void {
    // What came to its end after all was over.
    if (this.total === 0) return;
    lane.busy = false;
    delete lane.timer;
    const [job] = lane.jobs.splice(0, 1);
    this.count(-1);
    if (lane.jobs.length === 0 && job !== undefined) this.queues.delete(job.target.key);
    if (this.total === 0) this.idleNow?.();
  }

  private async attempt({ target, payload }: Job): Promise<Delivery> {
    const { log } = this.options;
    const { channel, host } = target;
    const delivery = await target.send(payload).catch((err: unknown): Delivery => {
      log.error({ err, channel, host }, 'a notification could not be made');
      return { kind: 'refused', message: 'It could not be made' };
    });
    if (delivery.kind !== 'delivered')
      log.warn({ channel, host, outcome: delivery.kind, why: delivery.message }, 'a notification was not delivered');
    if (delivery.kind === 'gone')
      await target.onGone?.().catch((err: unknown) => log.warn({ err, channel, host }, 'a device was not forgotten'));
    return delivery;
  }

  private pauseOf({ tries }: Job, retryAfterMs = 0): number | undefined {
    const pause = this.stopped ? undefined : this.retryMs[tries - 1];
    return pause === undefined ? undefined : Math.max(pause, retryAfterMs);
  }

  private remove(lane: TargetQueue, at: number, why: string): void {
    lane.jobs.splice(at, 1);
    this.count(-1);
    this.drop(1, why);
  }

  private drop(count: number, reason: string): void {
    if (count > 0) this.options.metrics.dropped.inc({ reason }, count);
  }

  private count(change: number): void {
    this.total += change;
    this.options.metrics.waiting.set({ stage: 'sending' }, this.total);
  }
}
