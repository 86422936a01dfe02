import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.js';
import { RunnerRights } from './runnerRpc/rights.js';

/** The bodies of the HTTP API for accounts, keys, pairing, share links, users and the audit log. */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();
const Name = Type.String({ minLength: 1, maxLength: 80 });

export const ACCOUNT_ROLES = ['admin', 'member'] as const;
export const KEY_KINDS = ['user', 'runner'] as const;
/** What a share link allows, in rising order: read-only, read-write, read-write with approvals. */
export const SHARE_MODES = ['read', 'collab', 'approve'] as const;
export const SIGNUP_MODES = ['first', 'open', 'closed'] as const;

/** An e-mail address is a sign-in name: PizzaPi never sends mail to it. It is compared in lower case. */
export const Email = Type.String({ minLength: 3, maxLength: 254, pattern: '^[^@\\s]+@[^@\\s]+$' });
/**
 * The limit is far above the rules of `validatePassword`, so that those rules and not the schema report what is wrong.
 */
const Password = Type.String({ maxLength: 1024 });

/**
 * `POST /api/auth/signup`: 201 for the first account and for one with an `invitation`, which are signed in; 202 for any
 * other, whether the address is in use or not.
 */
export const SignupBody = Type.Object({
  email: Email,
  password: Password,
  name: Optional(Name),
  /** The token of an invitation. */
  invitation: Optional(Type.String({ maxLength: 128 })),
});
/** `POST /api/auth/login` */
export const LoginBody = Type.Object({ email: Type.String({ maxLength: 254 }), password: Password });
/** `POST /api/auth/password`: `current` may be omitted only while the account has no password. */
export const PasswordBody = Type.Object({ current: Optional(Password), next: Password, email: Optional(Email) });
/** `GET /api/auth/options`, without sign-in: the forms that a page has to show. */
export const AuthOptions = Type.Object({
  signup: Type.Enum([...SIGNUP_MODES]),
  accounts: Type.Boolean(),
  /** False where people sign in through the issuer alone. */
  passwords: Optional(Type.Boolean()),
  /** The issuer that people sign in through. */
  issuer: Optional(
    Type.Object({
      name: Text,
      /** Whether the issuer answered when the gateway last asked. */
      available: Type.Boolean(),
      /** Where a person ends the session at the issuer. */
      signOutUrl: Optional(Text),
    }),
  ),
});
/**
 * `POST /api/auth/oidc/start`: begins a sign-in through the issuer. `returnTo`: the path of the page to show afterwards.
 * `binding` of the reply is a secret of the page, which `finish` takes with the query that the issuer sent the browser
 * back with.
 */
export const IssuerStartBody = Type.Object({
  returnTo: Optional(Type.String({ maxLength: 512 })),
  invitation: Optional(Type.String({ maxLength: 128 })),
});
export const IssuerStartReply = Type.Object({ url: Text, binding: Text });
/** `POST /api/auth/oidc/finish` */
export const IssuerFinishBody = Type.Object({
  query: Type.String({ maxLength: 6_144 }),
  binding: Type.String({ maxLength: 128 }),
});

/** `GET /api/auth/me` */
export const Me = Type.Object({
  userId: Text,
  name: Text,
  role: Type.Enum([...ACCOUNT_ROLES, 'guest']),
  email: Optional(Text),
  /** How this request was authenticated. */
  by: Type.Enum(['session', 'key', 'local', 'share']),
  hasPassword: Type.Boolean(),
  /** The account signs in through the issuer of this name. */
  issuer: Optional(Type.Object({ name: Text })),
  /** The version of the relay, and of the wire that it speaks. Not for guests. */
  relay: Optional(Type.Object({ version: Text, wire: Type.Integer() })),
});

/**
 * A browser was signed in: by a sign-in link, by a password, or as the first account. Only this response holds
 * `pageToken`. The page stores the token and sends it with the cookie; a cookie without the token is not accepted.
 */
export const SignedIn = Type.Object({ ...Me.properties, pageToken: Text });
/** `POST /api/auth/oidc/finish`: `returnTo` is the path of the page that the sign-in began with. */
export const IssuerFinishReply = Type.Object({ ...SignedIn.properties, returnTo: Text });

/** One sign-in of a browser. */
export const LoginInfo = Type.Object({
  id: Text,
  createdAt: Time,
  lastSeenAt: Time,
  expiresAt: Time,
  ip: Text,
  /** The `User-Agent` of the browser, shortened. */
  userAgent: Text,
  current: Type.Boolean(),
  /** The browser signed in through the issuer. */
  throughIssuer: Optional(Type.Boolean()),
});
export const LoginsReply = Type.Object({ logins: Type.Array(LoginInfo) });

export const KeyInfo = Type.Object({
  id: Text,
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  /** The first characters of the key, which identify it in a list. */
  hint: Text,
  createdAt: Time,
  /** What a runner token lets people do on its host. Missing: everything. */
  allow: Optional(RunnerRights),
  expiresAt: Optional(Time),
  lastUsedAt: Optional(Time),
  lastUsedFrom: Optional(Text),
});
export const KeysReply = Type.Object({ keys: Type.Array(KeyInfo) });
/** `POST /api/keys`. `expiresIn`: seconds, or `30m`, `12h`, `7d`. Without it the key is valid until it is revoked. */
export const NewKeyBody = Type.Object({
  name: Name,
  kind: Optional(Type.Enum([...KEY_KINDS])),
  /** For a runner token: what people may do on its host. Missing: everything. */
  allow: Optional(RunnerRights),
  expiresIn: Optional(Type.Union([Type.Integer({ minimum: 60 }), Text])),
});
/** 201: the only response that holds `token`. */
export const NewKeyReply = Type.Object({
  key: KeyInfo,
  token: Text,
  /** The address of nats-server, for a key of kind `runner`, as runners without `natsUrls` read it. */
  natsUrl: Optional(Text),
  /** Where a runner reaches nats-server: one of `nats://`, or `wss://` for NATS over WebSocket. */
  natsUrls: Optional(Type.Array(Text)),
});

/**
 * `POST /api/pair`, without sign-in: requests a key that a signed-in person approves. The program shows `code` and
 * stores `secret`.
 */
export const PairBody = Type.Object({
  kind: Type.Enum([...KEY_KINDS]),
  name: Name,
  /** The rights that the program asks for, for a runner token. Missing: all. */
  allow: Optional(RunnerRights),
});
export const PairReply = Type.Object({
  code: Text,
  secret: Text,
  verifyUrl: Text,
  expiresAt: Time,
  intervalMs: Type.Number(),
});
/** `GET /api/pair/:code`, with sign-in: which program requests which key, and from which address. */
export const PairInfo = Type.Object({
  code: Text,
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  ip: Text,
  expiresAt: Time,
  /** The rights that a runner token is to have. Missing: all. */
  allow: Optional(RunnerRights),
});
/** `POST /api/pair/:code/approve`: gives fewer rights than the program asks for. */
export const PairApproveBody = Type.Object({ allow: Optional(RunnerRights) });
/** `POST /api/pair/poll { secret }` */
export const PairPollBody = Type.Object({ secret: Type.String({ maxLength: 128 }) });
export const PairPollReply = Type.Object({
  status: Type.Enum(['pending', 'approved', 'denied']),
  /** Present once, after the approval. */
  token: Optional(Text),
  /** The address of nats-server, as runners without `natsUrls` read it. */
  natsUrl: Optional(Text),
  /** Where a runner reaches nats-server: `nats://`, or `wss://` for NATS over WebSocket. */
  natsUrls: Optional(Type.Array(Text)),
});
export const PairParams = Type.Object({ code: Type.String({ pattern: '^[A-Za-z0-9-]{8,12}$' }) });

/**
 * `POST /api/sessions/:sid/shares`. `expiresIn`: seconds, or `30m`, `2h`, `7d`. The default is one day, the maximum 30
 * days.
 */
export const NewShareBody = Type.Object({
  mode: Optional(Type.Enum([...SHARE_MODES])),
  /** Guests of the link may also read the files of the session's folder. */
  files: Optional(Type.Boolean()),
  expiresIn: Optional(Type.Union([Type.Integer({ minimum: 60 }), Text])),
});
export const NewShareReply = Type.Object({
  shareUrl: Text,
  token: Text,
  expiresAt: Time,
  shareId: Text,
  mode: Type.Enum([...SHARE_MODES]),
  /** A short address that redirects to `shareUrl` until `scanUntil`. It is short enough for a QR code on a terminal. */
  scanUrl: Optional(Text),
  scanUntil: Optional(Time),
  /** A short address that opens the link as long as the link is valid. Its code is in the fragment. */
  shortUrl: Optional(Text),
  /** Whether the addresses can be opened on this machine only. */
  localOnly: Optional(Type.Boolean()),
});
export const ShareInfo = Type.Object({
  shareId: Text,
  mode: Type.Enum([...SHARE_MODES]),
  /** Its guests may also read the files of the session's folder. */
  files: Optional(Type.Boolean()),
  createdAt: Time,
  expiresAt: Time,
  revokedAt: Optional(Time),
  /** The account that the session is shared with, and how the owner named it. Without it this is a share link. */
  person: Optional(Type.Object({ userId: Text, name: Text, givenAs: Text })),
});
export const SharesReply = Type.Object({ shares: Type.Array(ShareInfo) });
/** `PATCH /api/sessions/:sid/shares/:shareId`: reduces the mode of a share link. A mode cannot be raised. */
export const ShareChangeBody = Type.Object({ mode: Type.Enum(['read', 'collab']) });
export const ShareParams = Type.Object({
  sid: Type.String({ pattern: ID_PATTERN }),
  shareId: Type.String({ pattern: ID_PATTERN }),
});

/** How long and how much of what has ended is kept. Null: without a limit. A limit that is missing is that of the installation. */
export const RetentionOverride = Type.Object({
  days: Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  bytes: Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
});
export type RetentionOverride = Static<typeof RetentionOverride>;

export const UserInfo = Type.Object({
  retention: Optional(RetentionOverride),
  userId: Text,
  name: Text,
  email: Optional(Text),
  role: Type.Enum([...ACCOUNT_ROLES]),
  createdAt: Time,
  lastSeenAt: Optional(Time),
  disabled: Type.Boolean(),
  /** The issuer, and not an admin, has disabled the account: the next sign-in through the issuer enables it. */
  disabledByIssuer: Optional(Type.Boolean()),
  hasPassword: Optional(Type.Boolean()),
  /** How the account is known at the issuer. */
  identity: Optional(
    Type.Object({
      issuer: Text,
      address: Optional(Text),
      /** When the issuer last confirmed the person. */
      confirmedAt: Time,
      invited: Optional(Type.Boolean()),
    }),
  ),
});
export const UsersReply = Type.Object({ users: Type.Array(UserInfo) });
/** `PATCH /api/users/:userId` */
export const UserChangeBody = Type.Object({
  disabled: Optional(Type.Boolean()),
  /** Null: the account has the rules of the installation again. */
  retention: Optional(Type.Union([RetentionOverride, Type.Null()])),
});

export type UserChangeBody = Static<typeof UserChangeBody>;

/** `POST /api/purge`: erases a session, or an account with all that it has. */
export const PurgeBody = Type.Union([
  Type.Object({ sessionId: Type.String({ pattern: ID_PATTERN }) }, { additionalProperties: false }),
  Type.Object({ userId: Type.String({ pattern: ID_PATTERN }) }, { additionalProperties: false }),
]);
export type PurgeBody = Static<typeof PurgeBody>;
/** `removed`: how many of each kind are gone. `isOver`: false while an authenticator still removes the rest. */
export const PurgeReply = Type.Object({ removed: Type.Record(Text, Type.Number()), isOver: Type.Boolean() });
export type PurgeReply = Static<typeof PurgeReply>;

export const IdParams = Type.Object({ id: Type.String({ pattern: ID_PATTERN }) });

/** `GET /api/audit`: the last `limit` rows before the offset `before`, of one kind or of all kinds, newest first. */
export const AuditQuery = Type.Object({
  before: Optional(Type.Integer({ minimum: 1 })),
  limit: Optional(Type.Integer({ minimum: 1, maximum: 500 })),
  kind: Optional(Type.String({ pattern: ID_PATTERN })),
});
export const AuditReply = Type.Object({
  rows: Type.Array(Type.Object({ seq: Type.Number(), kind: Text, at: Time }, { additionalProperties: true })),
  /** The value of `before` for the next older rows; missing when there are no older rows. */
  next: Optional(Type.Number()),
});

export type Me = Static<typeof Me>;
export type SignedIn = Static<typeof SignedIn>;
export type AuthOptions = Static<typeof AuthOptions>;
export type IssuerStartBody = Static<typeof IssuerStartBody>;
export type IssuerStartReply = Static<typeof IssuerStartReply>;
export type IssuerFinishBody = Static<typeof IssuerFinishBody>;
export type IssuerFinishReply = Static<typeof IssuerFinishReply>;
export type SignupBody = Static<typeof SignupBody>;
export type LoginBody = Static<typeof LoginBody>;
export type PasswordBody = Static<typeof PasswordBody>;
export type LoginInfo = Static<typeof LoginInfo>;
export type KeyInfo = Static<typeof KeyInfo>;
export type NewKeyBody = Static<typeof NewKeyBody>;
export type NewKeyReply = Static<typeof NewKeyReply>;
export type PairBody = Static<typeof PairBody>;
export type PairReply = Static<typeof PairReply>;
export type PairInfo = Static<typeof PairInfo>;
export type PairPollReply = Static<typeof PairPollReply>;
export type NewShareBody = Static<typeof NewShareBody>;
export type NewShareReply = Static<typeof NewShareReply>;
export type ShareInfo = Static<typeof ShareInfo>;
export type UserInfo = Static<typeof UserInfo>;
export type AuditQuery = Static<typeof AuditQuery>;
export type AuditReply = Static<typeof AuditReply>;
export type KeyKind = (typeof KEY_KINDS)[number];
export type ShareMode = (typeof SHARE_MODES)[number];
export type ShareChangeBody = Static<typeof ShareChangeBody>;
export type SignupMode = (typeof SIGNUP_MODES)[number];

/** Returns whether a share link of mode `a` allows more than a share link of mode `b`. */
export const allowsMore = (a: ShareMode, b: ShareMode): boolean => SHARE_MODES.indexOf(a) > SHARE_MODES.indexOf(b);

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * Returns `expiresIn` in ms. A number is seconds; a text is a number followed by s, m, h or d. Returns undefined for
 * other values.
 */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? value * 1_000 : undefined;
  const match = typeof value === 'string' ? /^(\d{1,9})\s*([smhd])$/.exec(value.trim()) : null;
  const seconds = match === null ? 0 : Number(match[1]) * UNITS[match[2]!]!;
  return seconds > 0 ? seconds * 1_000 : undefined;
}
