import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ACCOUNT_ROLES, KEY_KINDS, RetentionOverride, SHARE_MODES } from './accounts.js';
import { RunnerRights } from './runnerRpc/rights.js';

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
  /** Set when the issuer, and not an admin, has disabled the account: the next sign-in through the issuer enables it. */
  disabledBy: Optional(Type.Enum(['issuer'])),
  lastSeenAt: Optional(Time),
  identity: Optional(
    Type.Object({
      issuer: Text,
      /** The name of the person at the issuer, which never changes. */
      subject: Text,
      /** The address that the issuer has verified, as it was at the last sign-in. */
      address: Optional(Text),
      /** When the issuer last confirmed the person: at a sign-in, or at a check. */
      confirmedAt: Time,
      /** When the account, which was there before, was given to the person. */
      linkedAt: Optional(Time),
      /** An invitation made the account: the allowed domains and groups do not concern it. */
      invited: Optional(Type.Boolean()),
    }),
  ),
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

/** Bucket `accounts`, key `identity.<SHA-256 of issuer and subject, hex>`: the account of a person at the issuer. */
export const IdentityRow = Type.Object({ userId: Text });
export type IdentityRow = Static<typeof IdentityRow>;

/** Bucket `accounts`, key `login.<SHA-256 of the cookie, hex>`: one sign-in of a browser. */
export const LoginRow = Type.Object({
  id: Text,
  userId: Text,
  createdAt: Time,
  lastSeenAt: Time,
  expiresAt: Time,
  ip: Text,
  userAgent: Text,
  /** Of a login through the issuer. */
  issuer: Optional(
    Type.Object({
      /** The session at the issuer, by which the issuer ends the login. */
      sid: Optional(Text),
      /** When the issuer last confirmed the login. */
      checkedAt: Time,
      /** When the gateway asks the issuer again. Missing where the issuer gave no refresh token. */
      checkAt: Optional(Time),
    }),
  ),
});
export type LoginRow = Static<typeof LoginRow>;

/** Bucket `accounts`, key `refresh.<as of its login>`: the refresh token of a login, sealed by the gateway's secret. */
export const RefreshRow = Type.Object({ sealed: Text });
export type RefreshRow = Static<typeof RefreshRow>;

/** Bucket `accounts`, key `pair.<SHA-256 of the code, hex>`: a program that requests a key. */
export const PairRow = Type.Object({
  kind: Type.Enum([...KEY_KINDS]),
  name: Text,
  ip: Text,
  /** The rights that the program asks for, for a runner token. Missing: all. */
  allow: Optional(RunnerRights),
  /** SHA-256 of the secret that the program polls with, hex. */
  secretHash: Text,
  expiresAt: Time,
  /**
   * The account that approved or denied the request. The key is created when the program polls, so that it is never
   * stored.
   */
  answer: Optional(Type.Object({ approved: Type.Boolean(), userId: Text, allow: Optional(RunnerRights) })),
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
  /** What a runner token lets people do on its host. Missing: everything. */
  allow: Optional(RunnerRights),
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
  /** Its guests may also read the files of the session's folder. */
  files: Optional(Type.Boolean()),
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
export const isIdentityRow = checker(IdentityRow);
export const isLoginRow = checker(LoginRow);
export const isRefreshRow = checker(RefreshRow);
export const isPairRow = checker(PairRow);
export const isInvitationRow = checker(InvitationRow);
export const isHandoverRow = checker(HandoverRow);
export const isKeyRow = checker(KeyRow);
export const isShareRow = checker(ShareRow);
export const isOwnerRow = checker(OwnerRow);
export const isRunnerOwnerRow = checker(RunnerOwnerRow);
