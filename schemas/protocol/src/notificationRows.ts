import Type, { type Static } from 'typebox';
import { checker } from './check.js';

/**
 * Rows of the bucket `notifications`. Unlike the other buckets for accounts it holds secrets, because the services use
 * them: the key that signs pushes, the keys of browsers, the tokens of webhooks.
 */
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();

/** Key `vapid`: created once for an installation (RFC 8292). Browsers subscribe with it, so it never changes. */
export const VAPID_KEY = 'vapid';
export const VapidRow = Type.Object({ publicKey: Text, privateKey: Text, subject: Text });
export type VapidRow = Static<typeof VapidRow>;

/** Key `user.<userId>`. */
export const NotificationPrefsRow = Type.Object({
  agentFinished: Type.Boolean(),
  needsInput: Type.Boolean(),
  error: Type.Boolean(),
  webhook: Type.Union([Type.Object({ url: Text, token: Type.Optional(Text) }), Type.Null()]),
  /** In the order in which they were muted. */
  muted: Type.Array(Text),
});
export type NotificationPrefsRow = Static<typeof NotificationPrefsRow>;

/** The settings of an account that has set none. */
export const defaultNotificationPrefs = (): NotificationPrefsRow => ({
  ...{ agentFinished: true, needsInput: true, error: true, webhook: null, muted: [] },
});

/** Key `sub.<userId>.<id>`; the id is the beginning of the SHA-256 of the endpoint, 32 hex digits. */
export const PushSubscriptionRow = Type.Object({
  endpoint: Text,
  keys: Type.Object({ p256dh: Text, auth: Text }),
  label: Text,
  createdAt: Time,
});
export type PushSubscriptionRow = Static<typeof PushSubscriptionRow>;

export const notificationKeys = {
  prefs: (userId: string): string => `user.${userId}`,
  /** The row that lists all devices of an account. */
  devices: (userId: string): string => `sub.${userId}.`,
  device: (userId: string, id: string): string => `sub.${userId}.${id}`,
} as const;

export const isVapidRow = checker(VapidRow);
export const isNotificationPrefsRow = checker(NotificationPrefsRow);
export const isPushSubscriptionRow = checker(PushSubscriptionRow);

/** The body of a request on `attention.<sid>` (historical wire name): does this person see the session now? */
export const AttentionQuestion = Type.Object({ userId: Text });
export type AttentionQuestion = Static<typeof AttentionQuestion>;
export const isAttentionQuestion = checker(AttentionQuestion);
