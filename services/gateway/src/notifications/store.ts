import { bucket, type Backbone } from '@pizzapi/backbone';
import { deviceId, newVapid } from '@pizzapi/process/notify';
import {
  CodedError,
  defaultNotificationPrefs,
  isNotificationPrefsRow,
  isPushSubscriptionRow,
  isVapidRow,
  MAX_DEVICES,
  MAX_MUTED,
  notificationKeys,
  VAPID_KEY,
  type NotificationPrefsRow,
  type PushSubscriptionRow,
  type VapidRow,
} from '@pizzapi/protocol';

/** Attempts at a change of a row that others change meanwhile. */
const ATTEMPTS = 10;
/** Who is behind pushes, told to push services, where no https address says it: they want something of this form. */
const NO_CONTACT = 'mailto:pizzapi@example.com';

export interface RegisteredDevice extends PushSubscriptionRow {
  id: string;
}

/** What somebody wants to be told and where: rows of the bucket `notifications`. */
export class NotificationStore {
  private readonly vapids;
  private readonly people;
  private readonly subscriptions;

  constructor(
    b: Backbone,
    private readonly publicUrl: () => string,
    private readonly now: () => number = Date.now,
  ) {
    this.vapids = bucket<VapidRow>(b, 'notifications', { check: isVapidRow });
    this.people = bucket<NotificationPrefsRow>(b, 'notifications', { check: isNotificationPrefsRow });
    this.subscriptions = bucket<PushSubscriptionRow>(b, 'notifications', { check: isPushSubscriptionRow });
  }

  /** The installation's key. Made by who asks first; of two at once, both get that of one. */
  async vapid(): Promise<VapidRow> {
    const found = await this.vapids.get(VAPID_KEY);
    if (found !== undefined) return found.value;
    const url = this.publicUrl();
    const made = newVapid(url.startsWith('https:') ? url : NO_CONTACT);
    const stored = await this.vapids.create(VAPID_KEY, made);
    if (stored.kind === 'stored') return made;
    const theirs = await this.vapids.get(VAPID_KEY);
    if (theirs === undefined) throw new CodedError('unavailable', 'The notification key cannot be read');
    return theirs.value;
  }

  async prefs(userId: string): Promise<NotificationPrefsRow> {
    return (await this.people.get(notificationKeys.prefs(userId)))?.value ?? defaultNotificationPrefs();
  }

  /** Changes what somebody wants, whoever else changes it meanwhile; what they want now. */
  async change(
    userId: string,
    evolve: (prefs: NotificationPrefsRow) => NotificationPrefsRow,
  ): Promise<NotificationPrefsRow> {
    const key = notificationKeys.prefs(userId);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.people.get(key);
      const next = evolve(found?.value ?? defaultNotificationPrefs());
      const stored =
        found === undefined ? await this.people.create(key, next) : await this.people.update(key, next, found.revision);
      if (stored.kind === 'stored') return next;
    }
    throw new CodedError('unavailable', 'Notification settings were changed concurrently; try again');
  }

  /** Silences a session, or lets it speak again. */
  async mute(userId: string, sid: string, muted: boolean): Promise<void> {
    await this.change(userId, (prefs) => {
      const others = prefs.muted.filter((other) => other !== sid);
      return { ...prefs, muted: muted ? [...others, sid].slice(-MAX_MUTED) : others };
    });
  }

  /** The devices of an account, the oldest first. */
  async devices(userId: string): Promise<RegisteredDevice[]> {
    const prefix = notificationKeys.devices(userId);
    const found: RegisteredDevice[] = [];
    const stop = new AbortController();
    for await (const change of this.subscriptions.watch({ signal: stop.signal, prefix })) {
      if (change.kind === 'value') found.push({ id: change.key.slice(prefix.length), ...change.value });
      if (change.kind === 'ready') break;
    }
    stop.abort();
    return found.sort((a, b) => a.createdAt - b.createdAt);
  }

  /**
   * Adds a browser, or renews what is known of it. A browser tells one account at a time: whoever knows its endpoint is
   * that browser, so the account that had it before gives it up.
   */
  async addDevice(
    userId: string,
    { endpoint, keys, label }: Pick<PushSubscriptionRow, 'endpoint' | 'keys' | 'label'>,
  ): Promise<{ kind: 'added'; id: string } | { kind: 'too_many' }> {
    const id = deviceId(endpoint);
    const there = await this.devices(userId);
    const known = there.find((device) => device.id === id);
    if (known === undefined && there.length >= MAX_DEVICES) return { kind: 'too_many' };
    const row = { endpoint, keys, label, createdAt: known?.createdAt ?? this.now() };
    await this.subscriptions.put(notificationKeys.device(userId, id), row);
    const all = await this.subscriptions.keys('sub.');
    const elsewhere = all.filter((key) => key.endsWith(`.${id}`) && key !== notificationKeys.device(userId, id));
    await Promise.all(elsewhere.map((key) => this.subscriptions.delete(key)));
    return { kind: 'added', id };
  }

  /** Forgets everything that an account wants to be told, and where. */
  async clear(userId: string): Promise<void> {
    await this.change(userId, defaultNotificationPrefs);
    for (const { id } of await this.devices(userId)) await this.removeDevice(userId, id);
  }

  /** Forgets a browser; what was known of it, or undefined when this account has none with this id. */
  async removeDevice(userId: string, id: string): Promise<RegisteredDevice | undefined> {
    const key = notificationKeys.device(userId, id);
    const found = await this.subscriptions.get(key);
    if (found === undefined) return undefined;
    await this.subscriptions.delete(key);
    return { id, ...found.value };
  }
}
