import { bytesOf, deviceId } from '../model/browserSupport.js';
import { addressOf } from './pagePath.js';

/** A subscription of this browser, as the gateway wants to know it. */
export interface Subscription {
  id: string;
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** `no_service`: this browser has nobody to push for it, or cannot reach them; `reason` is in the browser's words. */
export type Subscribing = { kind: 'subscribed'; subscription: Subscription } | { kind: 'no_service'; reason: string };

const WORKER = addressOf('/sw.js');
const SCOPE = addressOf('/');

const registered = () => navigator.serviceWorker.getRegistration(SCOPE);

/** The subscription that there is, if any. */
export async function currentSubscription(): Promise<Subscription | undefined> {
  const held = await (await registered())?.pushManager?.getSubscription();
  return held ? described(held) : undefined;
}

/** Starts the service worker and subscribes. A subscription of another key, that of another relay, is replaced. */
export async function subscribe(publicKey: string): Promise<Subscribing> {
  try {
    await navigator.serviceWorker.register(WORKER, { scope: SCOPE, updateViaCache: 'none' });
    const { pushManager } = await navigator.serviceWorker.ready;
    const key = bytesOf(publicKey);
    const held = await pushManager.getSubscription();
    if (held !== null && !sameBytes(held.options.applicationServerKey, key)) await held.unsubscribe();
    const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    return { kind: 'subscribed', subscription: await described(made) };
  } catch (error) {
    return { kind: 'no_service', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Ends the subscription and the service worker. Whoever pushes to it is told by the push service. */
export async function unsubscribe(): Promise<void> {
  const registration = await registered();
  const held = await registration?.pushManager?.getSubscription();
  await held?.unsubscribe();
  await registration?.unregister();
}

/** Takes the notifications of a session off the screen. */
export async function closeNotifications(tag: string): Promise<void> {
  const shown = await (await registered())?.getNotifications({ tag });
  shown?.forEach((notification) => notification.close());
}

/** Shows a notification from this tab. Phones let only a service worker do so: then it is not shown. */
export function notifyFromTab(title: string, body: string, tag: string, onclick: () => void): void {
  try {
    const notification = new Notification(title, { body, tag, icon: addressOf('/icon-192.png') });
    notification.onclick = () => {
      globalThis.focus();
      notification.close();
      onclick();
    };
  } catch {
    // The toast of the page says the same.
  }
}

async function described(subscription: PushSubscription): Promise<Subscription> {
  const { endpoint } = subscription;
  const { p256dh = '', auth = '' } = subscription.toJSON().keys ?? {};
  return { id: await deviceId(endpoint), endpoint, keys: { p256dh, auth } };
}

function sameBytes(held: ArrayBuffer | null, key: Uint8Array): boolean {
  if (held === null) return false;
  const bytes = new Uint8Array(held);
  return bytes.length === key.length && bytes.every((byte, i) => byte === key[i]);
}
