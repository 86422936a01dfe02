import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ACCOUNT_ROLES, KEY_KINDS, RetentionOverride, SHARE_MODES } from './accounts.js';

/**
 * Rows of the buckets `accounts`, `api-keys`, `shares` and `owners`. They never hold a secret: a password is stored as
 * a scrypt hash, a token as its SHA-256.
 */
const Optional = Type.Optional;
const Text = Type.String();
/** ms since epoch. */
const Time = Type.Number();

/**
 * The account of the installation's owner: the first account, and the account that a local sign-in link signs in to.
 */
export const OWNER_ID = 'owner';

/** Bucket `accounts`, key `user.<userId>`. */
export const AccountRow = Type.Object({
  /** The rules of an admin for this account, in the place of those of the installation. */
  retention: Optional(RetentionOverride),
  userId: Text,
  name: Text,
  role: Type.Enum([...ACCOUNT_ROLES]),
  createdAt: Time,
  email: Optional(Text),
  /** `scrypt$<N>$<r>$<p>$<salt>$<hash>`, base64url. Missing while the account can only sign in by a sign-in link. */
  password: Optional(Text),
  disabledAt: Optional(Time),
  lastSeenAt: Optional(Time),
});
export type AccountRow = Static<typeof AccountRow>;

/**
 * Returns the owner's account in its initial state, without an address and a password. A sign-in link needs neither.
 */
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

/** Bucket `accounts`, key `pair.<SHA-256 of the code, hex>`: a program that requests a key. */
export const PairRow = Type.Object({
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  ip: Text,
  /** SHA-256 of the secret that the program polls with, hex. */
  secretHash: Text,
  expiresAt: Time,
  /**
   * The account that approved or denied the request. The key is created when the program polls, so that it is never
   * stored.
   */
  answer: Optional(Type.Object({ approved: Type.Boolean(), userId: Text })),
});
export type PairRow = Static<typeof PairRow>;

/** Bucket `accounts`, key `invitation.<SHA-256 of the token, hex>`: an invitation to create an account, once. */
export const InvitationRow = Type.Object({
  id: Text,
  /** The admin who made it. */
  createdBy: Text,
  createdAt: Time,
  expiresAt: Time,
  /** What the admin wrote to recognize it. */
  note: Optional(Text),
  revokedAt: Optional(Time),
  usedAt: Optional(Time),
  /** The account that was created with it. */
  usedBy: Optional(Text),
  /** How often it was tried with an address that is taken. */
  attempts: Optional(Type.Number()),
});
export type InvitationRow = Static<typeof InvitationRow>;

/** Bucket `accounts`, key `handover.<SHA-256 of the token, hex>`: signs one more browser of an account in, once. */
export const HandoverRow = Type.Object({
  userId: Text,
  expiresAt: Time,
  /** The login that asked for it. It must still exist when the token is used. */
  loginId: Optional(Text),
});
export type HandoverRow = Static<typeof HandoverRow>;

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
  /**
   * The code of the short addresses, as SHA-256 in hex. `until`: how long the address without a fragment redirects to the
   * share link; the one with a fragment works as long as the link.
   */
  scan: Optional(Type.Object({ hash: Text, until: Time })),
  /** The account that the session is shared with. Such a share has no link. */
  grantee: Optional(Text),
  /** How the owner named that account: its address or its id. */
  grantedAs: Optional(Text),
});
export type ShareRow = Static<typeof ShareRow>;

/**
 * Stands for the account and the runner of a tombstone: a session or an account that was erased. No account and no runner
 * has this id, so that every version of a service refuses the session as that of another account.
 */
export const ERASED_ID = '-';

/**
 * Bucket `owners`, key: session id; its revision is the epoch. `erasedAt`: the session was erased, and no host gets it
 * again. The key `erased.<userId>` with the same row is the tombstone of an account.
 */
export const OwnerRow = Type.Object({ userId: Text, runnerId: Text, erasedAt: Optional(Time) });
export type OwnerRow = Static<typeof OwnerRow>;

/**
 * Bucket `owners`, key `runner.<rid>`. The account that first claims a runner id owns it. `secretHash` is a SHA-256,
 * hex. `keyHash` is the key in `api-keys` of the token with which the runner last connected. The grants of its sessions
 * are valid only while that token is. `forgottenAt`: the account forgot the runner; only a token that was made later lets
 * it in again.
 */
export const RunnerOwnerRow = Type.Object({
  userId: Text,
  runnerId: Text,
  secretHash: Text,
  keyHash: Optional(Text),
  forgottenAt: Optional(Time),
});
export type RunnerOwnerRow = Static<typeof RunnerOwnerRow>;

export const isAccountRow = checker(AccountRow);
export const isEmailRow = checker(EmailRow);
export const isLoginRow = checker(LoginRow);
export const isPairRow = checker(PairRow);
export const isInvitationRow = checker(InvitationRow);
export const isHandoverRow = checker(HandoverRow);
export const isKeyRow = checker(KeyRow);
export const isShareRow = checker(ShareRow);
export const isOwnerRow = checker(OwnerRow);
export const isRunnerOwnerRow = checker(RunnerOwnerRow);
