import {
  consumeDurably,
  ownerOf,
  requestRpc,
  readSessionRow,
  SESSIONS_STREAM,
  type Backbone,
  type StoredRecord,
} from '@pizzapi/backbone';
import { retryWhileUnavailable, sleep, type Logger } from '@pizzapi/process';
import { sendPush, sendWebhook, type Reach } from '@pizzapi/process/notify';
import {
  encode,
  isForParent,
  subjects,
  unwantedBecause,
  tryDecodeMap,
  type NotificationPrefsRow,
  type PushPayload,
} from '@pizzapi/protocol';
import { NotificationTargets } from './notificationTargets.js';
import {
  NotificationDecider,
  NOTIFIER_EVENTS,
  type NotificationDeciderOptions,
  type NotificationNotice,
} from './notificationDecider.js';
import type { NotifierMetrics } from './metrics.js';
import { DeliveryQueue, type DeliveryTarget } from './deliveryQueue.js';
import { notificationTitle } from './notificationText.js';

/** What the consumer is called on the server. */
export const NOTIFIER = 'notifier';
/** How long a gateway may take to say that somebody looks, in ms. */
const ATTENTION_MS = 1_500;
/** Notices that are being found an addressee at once; those beyond wait in the decider. */
const AT_ONCE = 16;
/** How long what is under way may take when the term ends, twice, in ms. */
const LEAVE_MS = 1_500;
/** The longest the loop sleeps, in ms. */
const TICK_MS = 1_000;

export interface NotifierOptions {
  backbone: Backbone;
  log: Logger;
  metrics: NotifierMetrics;
  reach: Reach;
  /** The stream with the logs whose events it reads; that of the whole log when left out. */
  stream?: string;
  /** Where people open the page: links of webhooks lead there. */
  publicUrl?: string | undefined;
  settleMs?: NotificationDeciderOptions['settleMs'];
  retryMs?: readonly number[];
  /** ms; injected in tests. */
  now?: () => number;
  /** Told once the log is read. */
  onReading?: () => void;
}

/**
 * Tells people what their sessions need of them, while this process is the active one. It reads the log by a durable
 * consumer, so that whoever comes next goes on where this one ended; nothing that is sent holds the reading up.
 */
export class Notifier {
  private readonly targets: NotificationTargets;
  private readonly decider: NotificationDecider;
  private readonly queue: DeliveryQueue;
  private readonly now: () => number;
  private readonly underWay = new Set<Promise<void>>();
  private wake: () => void = () => undefined;

  constructor(private readonly options: NotifierOptions) {
    const { backbone, settleMs, now = Date.now } = options;
    this.targets = new NotificationTargets(backbone);
    this.decider = new NotificationDecider({ settleMs });
    this.queue = new DeliveryQueue(options);
    this.now = now;
  }

  /** Until the signal aborts. Throws what is a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const { backbone, onReading } = this.options;
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    const parts = [
      consumeDurably(backbone, this.options.stream ?? SESSIONS_STREAM, {
        name: NOTIFIER,
        types: NOTIFIER_EVENTS,
        signal: ended,
        ...(onReading === undefined ? {} : { onOpen: onReading }),
        onEvent: (record) => Promise.resolve(this.take(record)),
      }),
      this.emitDue(ended),
    ].map((part) => part.finally(() => stop.abort()));
    const failed = (await Promise.allSettled(parts)).find((result) => result.status === 'rejected');
    await this.flushOnShutdown();
    if (failed !== undefined) throw failed.reason;
  }

  private take({ subject, msgId, at, payload }: StoredRecord): void {
    const event = tryDecodeMap(payload);
    if (event === undefined) return;
    this.decider.onEvent({ sid: subject.split('.')[1]!, msgId, at, event }, this.now());
    this.options.metrics.waiting.set({ stage: 'settling' }, this.decider.size);
    if (this.decider.nextAt !== undefined) this.wake();
  }

  /** Hands out what has held long enough, as it becomes due. */
  private async emitDue(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted) {
      this.start(this.decider.due(this.now(), AT_ONCE - this.underWay.size), signal);
      this.options.metrics.waiting.set({ stage: 'settling' }, this.decider.size);
      if (this.underWay.size >= AT_ONCE) {
        await Promise.race(this.underWay);
        continue;
      }
      const pause = Math.max(0, (this.decider.nextAt ?? Infinity) - this.now());
      const woken = new AbortController();
      this.wake = () => woken.abort();
      await sleep(Math.min(TICK_MS, pause), woken.signal);
    }
  }

  /** What waited to settle is told now: the next process does not know of it. */
  private async flushOnShutdown(): Promise<void> {
    const soon = AbortSignal.timeout(LEAVE_MS);
    this.start(this.decider.due(Infinity, Infinity), soon);
    await Promise.race([Promise.all(this.underWay), sleep(LEAVE_MS)]);
    await this.queue.stop(LEAVE_MS);
  }

  private start(notices: readonly NotificationNotice[], signal: AbortSignal): void {
    const { log, metrics } = this.options;
    for (const notice of notices) {
      const telling = retryWhileUnavailable({ signal, log }, () => this.notify(notice).then(() => 'told'))
        .then((told) => told ?? metrics.dropped.inc({ reason: 'stopped' }))
        .then(() => undefined)
        .catch((err: unknown) => log.error({ err, sid: notice.sid }, 'nobody could be notified'))
        .finally(() => this.underWay.delete(telling));
      this.underWay.add(telling);
    }
  }

  /** Finds out for which people a notice is, and puts it on its way to those who want it. */
  private async notify(notice: NotificationNotice): Promise<void> {
    const { sid, kind } = notice;
    const owner = await ownerOf(this.options.backbone, sid);
    if (owner === undefined) return this.options.metrics.silent.inc({ reason: 'nobody' });
    const { userId } = owner;
    const shares = await this.targets.sharesOf(sid, userId, this.now());
    // An account that may only watch cannot answer.
    const others = shares.filter(({ mode }) => kind !== 'input' || mode !== 'read').map(({ grantee }) => grantee);
    for (const person of new Set([userId, ...others])) await this.notifyPerson(notice, person);
  }

  private async notifyPerson({ sid, kind, body, at }: NotificationNotice, userId: string): Promise<void> {
    const { backbone, metrics } = this.options;
    const silent = (reason: string): void => metrics.silent.inc({ reason });
    const prefs = await this.targets.prefsOf(userId);
    const unwanted = unwantedBecause(kind, sid, prefs);
    if (unwanted !== undefined) return silent(unwanted);
    const targets = await this.targetsOf(userId, prefs);
    if (targets.length === 0) return silent('nowhere');
    if (await this.targets.isDisabled(userId)) return silent('disabled');
    const info = (await readSessionRow(backbone, sid))?.info;
    if (isForParent(kind, info)) return silent('linked');
    if (await this.isSeen(sid, userId)) return silent('seen');
    const payload: PushPayload = {
      kind,
      sessionId: sid,
      title: notificationTitle(info),
      body,
      url: `/s/${sid}`,
      tag: sid,
      at,
    };
    for (const target of targets) this.queue.enqueue(target, payload);
  }

  private async targetsOf(userId: string, { webhook }: NotificationPrefsRow): Promise<DeliveryTarget[]> {
    const { reach, publicUrl } = this.options;
    const vapid = await this.targets.vapid();
    const devices = vapid === undefined ? [] : await this.targets.devicesOf(userId);
    const pushes = devices.map((device): DeliveryTarget => ({
      key: device.key,
      channel: 'push',
      host: new URL(device.subscription.endpoint).host,
      send: (payload) => sendPush(device.subscription, payload, vapid!, reach),
      onGone: () => this.targets.removeDevice(device),
    }));
    if (webhook === null) return pushes;
    const send: DeliveryTarget['send'] = (payload) => sendWebhook(webhook, payload, publicUrl, reach);
    return [...pushes, { key: `webhook.${userId}`, channel: 'webhook', host: new URL(webhook.url).host, send }];
  }

  /** Whether the person has this session before their eyes. Silence means no. */
  private async isSeen(sid: string, userId: string): Promise<boolean> {
    const answer = await requestRpc(this.options.backbone, subjects.attention(sid), encode({ userId }), {
      timeoutMs: ATTENTION_MS,
    });
    return answer.kind === 'ok';
  }
}

/** What is no map is nobody's fact: to be passed, as trying again would not change it. */
