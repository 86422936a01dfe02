import type {
  NotificationPrefs,
  NotificationPrefsBody,
  NotificationsReply,
  NotificationTestReply,
  PushSubscriptionBody,
  PushSubscriptionReply,
} from '@pizzapi/protocol';
import { DELETE, id, post, put, type ApiSend } from './http.js';

/** The part of the API that is about being told: what of, and where. */
export function notificationsApi(send: ApiSend) {
  const subscriptions = '/api/notifications/subscriptions';
  return {
    notifications: () => send<NotificationsReply>('/api/notifications'),
    /** A webhook that is left out stays as it is. */
    setNotifications: (body: NotificationPrefsBody) => send<NotificationPrefs>('/api/notifications', put(body)),
    addDevice: (body: PushSubscriptionBody) => send<PushSubscriptionReply>(subscriptions, post(body)),
    removeDevice: (deviceId: string) => send<unknown>(`${subscriptions}/${id(deviceId)}`, DELETE),
    /** Sends a notification to every device and the webhook, and says what became of each. */
    testNotifications: () => send<NotificationTestReply>('/api/notifications/test', post()),
    setMuted: (sid: string, muted: boolean) => send<unknown>(`/api/sessions/${id(sid)}/mute`, put({ muted })),
  };
}
