import Type, { type Static } from 'typebox';

/** The bodies of the HTTP API for notifications, and the content of a notification. */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();

/** Maximum number of devices of one account. */
export const MAX_DEVICES = 20;
/** Maximum number of muted sessions of one account. Above it, the session that was muted first is dropped. */
export const MAX_MUTED = 500;

/** Why a person is notified: the agent has finished, needs a person, or failed. */
export const NOTIFICATION_KINDS = ['finished', 'input', 'error'] as const;

/** The content of a push, as JSON. A later notification with the same tag replaces an earlier one. */
export const PushPayload = Type.Object({
  kind: Type.Enum([...NOTIFICATION_KINDS]),
  sessionId: Text,
  /** The session's name, or its first input. */
  title: Text,
  body: Text,
  /** The path of the session on this gateway. */
  url: Text,
  tag: Text,
  at: Time,
});

const kindFlags = {
  agentFinished: Type.Boolean(),
  needsInput: Type.Boolean(),
  error: Type.Boolean(),
};

/** The notification settings of an account, as they are read. */
export const NotificationPrefs = Type.Object({
  ...kindFlags,
  /** An address that receives a POST. Its token is never returned. */
  webhook: Type.Union([Type.Object({ url: Text, hasToken: Type.Boolean() }), Type.Null()]),
  /** The ids of the muted sessions. */
  muted: Type.Array(Text),
});

/** `PUT /api/notifications`. */
export const NotificationPrefsBody = Type.Object({
  ...kindFlags,
  /** Null removes the webhook. The webhook does not change when the field is missing. */
  webhook: Optional(
    Type.Union([
      Type.Object({
        url: Type.String({ minLength: 1, maxLength: 2_048 }),
        /**
         * The bearer token. When missing, the present token is kept if the new address has the same origin; null
         * removes it.
         */
        token: Optional(
          Type.Union([Type.String({ minLength: 1, maxLength: 512, pattern: '^[\\x21-\\x7e]+$' }), Type.Null()]),
        ),
      }),
      Type.Null(),
    ]),
  ),
});

/** A browser that receives pushes. */
export const NotificationDevice = Type.Object({
  /** The first 32 hex digits of the SHA-256 of its endpoint, by which a browser finds its own entry. */
  id: Text,
  label: Text,
  /** The host of its endpoint, which names the push service. */
  service: Text,
  createdAt: Time,
});

/** `GET /api/notifications` */
export const NotificationsReply = Type.Object({
  /** The `applicationServerKey` to subscribe with, base64url. */
  publicKey: Text,
  prefs: NotificationPrefs,
  devices: Type.Array(NotificationDevice),
});

/** `POST /api/notifications/subscriptions`: `PushSubscription.toJSON()` of a browser, and a name for the browser. */
export const PushSubscriptionBody = Type.Object({
  endpoint: Type.String({ minLength: 1, maxLength: 2_048 }),
  keys: Type.Object({
    /** A point of P-256, and 16 bytes, base64url. */
    p256dh: Type.String({ pattern: '^[A-Za-z0-9_-]{86,88}={0,2}$' }),
    auth: Type.String({ pattern: '^[A-Za-z0-9_-]{22}={0,2}$' }),
  }),
  label: Optional(Type.String({ minLength: 1, maxLength: 80 })),
  /** The expiry in `toJSON()`; not used. */
  expirationTime: Optional(Type.Union([Type.Number(), Type.Null()])),
});
/** 201 */
export const PushSubscriptionReply = Type.Object({ id: Text });
export const DeviceParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) });

/** `PUT /api/sessions/:sid/mute` */
export const MuteBody = Type.Object({ muted: Type.Boolean() });

/**
 * `gone`: the browser has unsubscribed and the device was removed. `refused`: the other server refused it. `failed`: no
 * reply.
 */
export const DELIVERY_OUTCOMES = ['delivered', 'gone', 'refused', 'failed'] as const;

/** `POST /api/notifications/test`: the outcome of a test notification, for every device and the webhook. */
export const NotificationTestReply = Type.Object({
  results: Type.Array(
    Type.Object({
      target: Type.Enum(['device', 'webhook']),
      /** The id of the device. */
      id: Optional(Text),
      label: Text,
      outcome: Type.Enum([...DELIVERY_OUTCOMES]),
      /** One sentence; missing when the notification was delivered. */
      message: Optional(Text),
    }),
  ),
});

export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];
export type PushPayload = Static<typeof PushPayload>;
export type NotificationPrefs = Static<typeof NotificationPrefs>;
export type NotificationPrefsBody = Static<typeof NotificationPrefsBody>;
export type NotificationDevice = Static<typeof NotificationDevice>;
export type NotificationsReply = Static<typeof NotificationsReply>;
export type PushSubscriptionBody = Static<typeof PushSubscriptionBody>;
export type PushSubscriptionReply = Static<typeof PushSubscriptionReply>;
export type MuteBody = Static<typeof MuteBody>;
export type NotificationTestReply = Static<typeof NotificationTestReply>;
