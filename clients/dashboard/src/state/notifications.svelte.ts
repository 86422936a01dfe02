import type { ErrorInfo, NotificationPrefs, NotificationsReply, NotificationWish } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import { browserState, isIPhone, type BrowserState } from '../model/browserSupport.js';
import { currentSubscription, subscribe, unsubscribe, type Subscription } from './push.js';
import { deviceOf } from '../model/userAgent.js';
import { api } from './client.js';
import { reportResult } from './reportResult.js';
import { storage } from './storage.js';
import { toasts } from './toasts.svelte.js';

/** `on` or `off`, as it was chosen in this browser; and the device it was known as when it was turned on. */
const CHOSEN = 'notifications';
const DEVICE = 'notifications.device';

/** What this person is told of, where, and whether by this browser. */
class Notifications {
  /** What the gateway keeps; undefined until it is here. */
  kept = $state.raw<NotificationsReply>();
  problem = $state.raw<ErrorInfo>();
  here = $state.raw<BrowserState>('off');
  /** This browser, among the devices. */
  deviceId = $state.raw<string>();
  /** Why there is no push service, in the browser's words. */
  reason = $state.raw('');
  busy = $state(false);
  readonly muted = $derived<ReadonlySet<string>>(new Set(this.kept?.prefs.muted));

  /** Reads what the gateway keeps, and what this browser is to it. */
  readonly load = async (): Promise<void> => {
    const [answer] = await Promise.all([api.notifications(), this.look()]);
    if (answer.kind === 'failed') this.problem = answer.error;
    else {
      this.kept = answer.value;
      this.problem = undefined;
      await this.#agree(answer.value);
    }
    await this.look();
  };

  /** Only from a click: browsers do not let a page ask by itself. */
  async turnOn(): Promise<void> {
    if (this.busy || this.kept === undefined) return;
    this.busy = true;
    // First of all, while the click still counts.
    const permission = await Notification.requestPermission();
    if (permission === 'granted') {
      storage.set(CHOSEN, 'on');
      const subscribed = await subscribe(this.kept.publicKey);
      if (subscribed.kind === 'subscribed') await this.#register(subscribed.subscription);
      else this.reason = subscribed.reason;
    } else if (permission === 'default') {
      toasts.info('The browser’s question was not answered. Turn notifications on again and choose “Allow”.');
    }
    await this.look();
    this.busy = false;
  }

  async turnOff(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    await this.#withdraw();
    await this.load();
    this.busy = false;
  }

  /** The person leaves: what is theirs is not shown here any more. */
  async forget(): Promise<void> {
    if (this.deviceId !== undefined) await this.#withdraw();
    this.clear();
  }

  /** Forgets what is somebody's, here and not at the gateway. */
  clear(): void {
    this.kept = undefined;
    this.problem = undefined;
  }

  async remove(deviceId: string): Promise<void> {
    if (deviceId === this.deviceId) return this.turnOff();
    if (await reportResult(api.removeDevice(deviceId), 'Device removed.')) await this.load();
  }

  async setWish(wish: NotificationWish, on: boolean): Promise<void> {
    const { kept } = this;
    if (kept === undefined) return;
    const { agentFinished, needsInput, error }: Record<NotificationWish, boolean> = { ...kept.prefs, [wish]: on };
    this.#show({ [wish]: on });
    if (!(await reportResult(api.setNotifications({ agentFinished, needsInput, error })))) this.#show({ [wish]: !on });
  }

  /** An empty address takes the webhook away; a token that is left out stays as it is. */
  async setWebhook(url: string, token?: string | null): Promise<ApiResult<NotificationPrefs>> {
    const { agentFinished, needsInput, error } = this.kept!.prefs;
    const webhook = url === '' ? null : { url, ...(token === undefined ? {} : { token }) };
    const answer = await api.setNotifications({ agentFinished, needsInput, error, webhook });
    if (answer.kind === 'ok') this.#show(answer.value);
    return answer;
  }

  async mute(sid: string, muted: boolean): Promise<void> {
    const said = muted ? 'Notifications of this session are muted.' : 'Notifications of this session are on.';
    if (!(await reportResult(api.setMuted(sid, muted), said))) return;
    const others = (this.kept?.prefs.muted ?? []).filter((other) => other !== sid);
    this.#show({ muted: muted ? [...others, sid] : others });
  }

  /** Looks again at what this browser allows: a person may change it at any time, outside of the page. */
  async look(): Promise<void> {
    const able = 'Notification' in globalThis && 'serviceWorker' in navigator;
    const held = able && isSecureContext ? await currentSubscription().catch(() => undefined) : undefined;
    const chosen = storage.get(CHOSEN);
    this.deviceId = held?.id;
    this.here = browserState({
      secure: isSecureContext,
      able,
      iPhone: isIPhone(navigator),
      permission: able ? Notification.permission : 'default',
      chosen: chosen === 'on' || chosen === 'off' ? chosen : undefined,
      subscribed: held !== undefined,
    });
  }

  /**
   * The browser's subscription and the gateway's list are kept apart, and may differ: the device was removed from
   * another one, somebody else is signed in here, or the browser has made itself a new subscription.
   */
  async #agree({ devices }: NotificationsReply): Promise<void> {
    if (storage.get(CHOSEN) !== 'on' || !isSecureContext || !('serviceWorker' in navigator)) return;
    const held = await currentSubscription().catch(() => undefined);
    if (held === undefined || devices.some(({ id }) => id === held.id)) return;
    if (storage.get(DEVICE) === held.id) await this.#stop();
    else await this.#register(held);
  }

  async #register({ id, endpoint, keys }: Subscription): Promise<void> {
    const label = deviceOf(navigator.userAgent).name.slice(0, 80);
    if (!(await reportResult(api.addDevice({ endpoint, keys, label })))) return this.#stop();
    storage.set(DEVICE, id);
    const now = await api.notifications();
    if (now.kind === 'ok') this.kept = now.value;
  }

  async #withdraw(): Promise<void> {
    const held = await currentSubscription().catch(() => undefined);
    // Should it not be told, the gateway finds out by its next push.
    if (held !== undefined) await api.removeDevice(held.id);
    await this.#stop();
  }

  async #stop(): Promise<void> {
    storage.set(CHOSEN, 'off');
    storage.set(DEVICE, '');
    await unsubscribe().catch(() => undefined);
    this.deviceId = undefined;
  }

  #show(changes: Partial<NotificationPrefs>): void {
    if (this.kept !== undefined) this.kept = { ...this.kept, prefs: { ...this.kept.prefs, ...changes } };
  }
}

export const notifications = new Notifications();
