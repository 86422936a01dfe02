import { sendPush, sendWebhook, type Delivery, type Reach } from '@pizzapi/process/notify';
import type { NotificationTestReply, PushPayload } from '@pizzapi/protocol';
import type { NotificationStore } from './store.js';

type Result = NotificationTestReply['results'][number];

const payload = (at: number): PushPayload => ({
  ...{ kind: 'finished', sessionId: '', title: 'PizzaPi', url: '/', tag: 'test', at },
  body: 'Test: notifications arrive here.',
});

/** Sends somebody a notification through all they have, once each, and says what became of it. */
export async function sendTestNotification(
  store: NotificationStore,
  userId: string,
  publicUrl: string,
  reach: Reach,
): Promise<Result[]> {
  const [vapid, devices, { webhook }] = await Promise.all([store.vapid(), store.devices(userId), store.prefs(userId)]);
  const message = payload(Date.now());
  const pushes = devices.map(async (device): Promise<Result> => {
    const { id, label } = device;
    const delivery = await sendPush(device, message, vapid, reach);
    if (delivery.kind === 'gone') await store.removeDevice(userId, id);
    return { target: 'device', id, label, ...told(delivery) };
  });
  const posts = webhook === null ? [] : [sendWebhook(webhook, message, publicUrl, reach)];
  const posted = posts.map(async (sending): Promise<Result> => {
    return { target: 'webhook', label: new URL(webhook!.url).host, ...told(await sending) };
  });
  return Promise.all([...pushes, ...posted]);
}

const told = (delivery: Delivery): Pick<Result, 'outcome' | 'message'> => ({
  outcome: delivery.kind,
  ...(delivery.kind === 'delivered' ? {} : { message: delivery.message }),
});
