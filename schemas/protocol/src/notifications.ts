import Type, { type Static } from 'typebox';

/** The bodies of the HTTP API about notifications, and what a notification is. */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();

/** Devices that one account may have. */
export const MAX_DEVICES = 20;
/** Sessions that one account may have muted; with more, those that were muted first are forgotten. */
export const MAX_MUTED = 500;

/** Why somebody is called: the agent is done, wants something of a person, or cannot go on. */
export const NOTIFICATION_KINDS = ['finished', 'input', 'error'] as const;

/** What a push carries, as JSON. A later notification of the same tag takes the place of the earlier. */
export const PushPayload = Type.Object({
  kind: Type.Enum([...NOTIFICATION_KINDS]),
  sessionId: Text,
  /** The session's name, or its first prompt. */
  title: Text,
  body: Text,
  /** Path of the session on this relay. */
  url: Text,
  tag: Text,
  at: Time,
});

const wishes = {
  agentFinished: Type.Boolean(),
  needsInput: Type.Boolean(),
  error: Type.Boolean(),
};

/** What somebody wants to be told, as it is read. */
export const NotificationPrefs = Type.Object({
  ...wishes,
  /** An address that is posted to; its token is never told again. */
  webhook: Type.Union([Type.Object({ url: Text, hasToken: Type.Boolean() }), Type.Null()]),
  /** Ids of the sessions that stay silent. */
  muted: Type.Array(Text),
});

/** `PUT /api/notifications`. */
export const NotificationPrefsBody = Type.Object({
  ...wishes,
  /** Null takes it away; left out, it stays as it is. */
  webhook: Optional(
    Type.Union([
      Type.Object({
        url: Type.String({ minLength: 1, maxLength: 2_048 }),
        /** Sent as a bearer. Left out, the one that is there stays if the address has the same origin; null: none. */
        token: Optional(
          Type.Union([Type.String({ minLength: 1, maxLength: 512, pattern: '^[\\x21-\\x7e]+$' }), Type.Null()]),
        ),
      }),
      Type.Null(),
    ]),
  ),
});

/** A browser that gets pushes. */
export const NotificationDevice = Type.Object({
  /** The first 32 hex digits of the SHA-256 of its endpoint: by that a browser finds itself. */
  id: Text,
  label: Text,
  /** Whose push service it is: the host of its endpoint. */
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

/** `POST /api/notifications/subscriptions`: `PushSubscription.toJSON()` of a browser, and a name for it. */
export const PushSubscriptionBody = Type.Object({
  endpoint: Type.String({ minLength: 1, maxLength: 2_048 }),
  keys: Type.Object({
    /** A point of P-256, and 16 bytes, base64url. */
    p256dh: Type.String({ pattern: '^[A-Za-z0-9_-]{86,88}={0,2}$' }),
    auth: Type.String({ pattern: '^[A-Za-z0-9_-]{22}={0,2}$' }),
  }),
  label: Optional(Type.String({ minLength: 1, maxLength: 80 })),
  /** What `toJSON()` says of its end; not used. */
  expirationTime: Optional(Type.Union([Type.Number(), Type.Null()])),
});
/** 201 */
export const PushSubscriptionReply = Type.Object({ id: Text });
export const DeviceParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) });

/** `PUT /api/sessions/:sid/mute` */
export const MuteBody = Type.Object({ muted: Type.Boolean() });

/** `gone`: the browser has withdrawn, the device was forgotten. `refused`: the other side said no. `failed`: no answer. */
export const DELIVERY_OUTCOMES = ['delivered', 'gone', 'refused', 'failed'] as const;

/** `POST /api/notifications/test`: what became of a test notification, for every device and the webhook. */
export const NotificationTestReply = Type.Object({
  results: Type.Array(
    Type.Object({
      target: Type.Enum(['device', 'webhook']),
      /** Of a device. */
      id: Optional(Text),
      label: Text,
      outcome: Type.Enum([...DELIVERY_OUTCOMES]),
      /** One sentence, unless it was delivered. */
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
