import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ACCOUNT_ROLES, KEY_KINDS, SHARE_MODES } from './accounts.js';

/**
 * What the buckets `accounts`, `api-keys`, `shares` and `owners` hold. A secret is never in them: a password is a scrypt
 * hash, a token its SHA-256.
 */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();

/** The account of an installation's owner: the first one, and the one a local sign-in link is for. */
export const OWNER_ID = 'owner';

/** Bucket `accounts`, key `user.<userId>`. */
export const AccountRow = Type.Object({
  userId: Text,
  name: Text,
  role: Type.Enum([...ACCOUNT_ROLES]),
  createdAt: Time,
  email: Optional(Text),
  /** `scrypt$<N>$<r>$<p>$<salt>$<hash>`, base64url; missing while only links sign in. */
  password: Optional(Text),
  disabledAt: Optional(Time),
  lastSeenAt: Optional(Time),
});
export type AccountRow = Static<typeof AccountRow>;

/** The owner's account as it begins: without address and password, which a sign-in link does not need. */
export const newOwnerAccount = (createdAt: number): AccountRow => ({
  userId: OWNER_ID,
  name: 'Owner',
  role: 'admin',
  createdAt,
});

/** Bucket `accounts`, key `email.<SHA-256 of the address in lower case, hex>`: claims an address. */
export const EmailRow = Type.Object({ userId: Text });
export type EmailRow = Static<typeof EmailRow>;

/** Bucket `accounts`, key `login.<SHA-256 of the cookie, hex>`: one sign-in of a browser. */
export const LoginRow = Type.Object({
  id: Text,
  userId: Text,
  createdAt: Time,
  lastSeenAt: Time,
  expiresAt: Time,
  ip: Text,
  userAgent: Text,
});
export type LoginRow = Static<typeof LoginRow>;

/** Bucket `accounts`, key `pair.<SHA-256 of the code, hex>`: a program that asks for a key. */
export const PairRow = Type.Object({
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  ip: Text,
  /** SHA-256 of what the program polls with, hex. */
  secretHash: Text,
  expiresAt: Time,
  /** Who said yes or no. The key is made when the program comes for it, so that it is never stored. */
  answer: Optional(Type.Object({ approved: Type.Boolean(), userId: Text })),
});
export type PairRow = Static<typeof PairRow>;

/** Bucket `api-keys`, key: SHA-256 of the token, hex. */
export const KeyRow = Type.Object({
  id: Text,
  userId: Text,
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  hint: Text,
  createdAt: Time,
  expiresAt: Optional(Time),
  lastUsedAt: Optional(Time),
  lastUsedFrom: Optional(Text),
});
export type KeyRow = Static<typeof KeyRow>;

/** Bucket `shares`, key `<sid>.<shareId>`. */
export const ShareRow = Type.Object({
  shareId: Text,
  sessionId: Text,
  userId: Text,
  mode: Type.Enum([...SHARE_MODES]),
  createdAt: Time,
  expiresAt: Time,
  revokedAt: Optional(Time),
  /** The short address that leads to the link for a while: SHA-256 of its code, hex. */
  scan: Optional(Type.Object({ hash: Text, until: Time })),
});
export type ShareRow = Static<typeof ShareRow>;

/** Bucket `owners`, key: session id; its revision is the epoch. */
export const OwnerRow = Type.Object({ userId: Text, runnerId: Text });
export type OwnerRow = Static<typeof OwnerRow>;

/**
 * Bucket `owners`, key `runner.<rid>`: the first to claim a runner id owns it. `secretHash` = SHA-256, hex; `keyHash` =
 * key in `api-keys` of the token it last connected with: its sessions' grants stand and fall with it.
 */
export const RunnerOwnerRow = Type.Object({
  userId: Text,
  runnerId: Text,
  secretHash: Text,
  keyHash: Optional(Text),
});
export type RunnerOwnerRow = Static<typeof RunnerOwnerRow>;

export const isAccountRow = checker(AccountRow);
export const isEmailRow = checker(EmailRow);
export const isLoginRow = checker(LoginRow);
export const isPairRow = checker(PairRow);
export const isKeyRow = checker(KeyRow);
export const isShareRow = checker(ShareRow);
export const isOwnerRow = checker(OwnerRow);
export const isRunnerOwnerRow = checker(RunnerOwnerRow);
