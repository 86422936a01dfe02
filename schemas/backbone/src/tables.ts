import {
  isAccountRow,
  isBlobRow,
  isDeletedRow,
  isEmailRow,
  isErasingRow,
  isHandoverRow,
  isIdentityRow,
  isInvitationRow,
  isKeyRow,
  isLoginRow,
  isNotificationPrefsRow,
  isOwnerRow,
  isPairRow,
  isPushSubscriptionRow,
  isRecentSessionsRow,
  isRefreshRow,
  isRunnerOwnerRow,
  isRunnerRow,
  isSessionMetaRow,
  isSessionRow,
  isShareRow,
  isUsageRow,
  isVapidRow,
  type AccountRow,
  type BlobRow,
  type DeletedRow,
  type EmailRow,
  type ErasingRow,
  type HandoverRow,
  type IdentityRow,
  type InvitationRow,
  type KeyRow,
  type LoginRow,
  type NotificationPrefsRow,
  type OwnerRow,
  type PairRow,
  type PushSubscriptionRow,
  type RecentSessionsRow,
  type RefreshRow,
  type RunnerOwnerRow,
  type RunnerRow,
  type SessionMetaRow,
  type SessionRow,
  type ShareRow,
  type UsageRow,
  type VapidRow,
} from '@pizzapi/protocol';
import type { Backbone } from './connection.js';
import type { Bucket } from './bucket.js';
import { bucket } from './kv.js';
import type { BucketName } from './streams.js';

/**
 * Typed access to the rows of the buckets, one function for each kind of row. A row of another shape reads as missing.
 * Some buckets contain several kinds, which the first part of their keys tells apart.
 */
const rows =
  <T>(name: BucketName, check: (value: unknown) => value is T) =>
  (b: Backbone): Bucket<T> =>
    bucket<T>(b, name, { check });

/** Accounts by `accountKey`. */
export const accountRows = rows<AccountRow>('accounts', isAccountRow);
export const accountKey = (userId: string): string => `user.${userId}`;
/** E-mail addresses, which are unique among accounts. */
export const emailRows = rows<EmailRow>('accounts', isEmailRow);
/** Accounts of people at the issuer, by `IDENTITY_PREFIX` and the hash of issuer and subject. */
export const identityRows = rows<IdentityRow>('accounts', isIdentityRow);
export const IDENTITY_PREFIX = 'identity.';
/** Logins of browsers, by `loginKey`. */
export const loginRows = rows<LoginRow>('accounts', isLoginRow);
export const LOGIN_PREFIX = 'login.';
/** `hash`: of the secret of the browser. */
export const loginKey = (hash: string): string => `${LOGIN_PREFIX}${hash}`;
/** Refresh tokens of logins through the issuer, sealed, by `refreshKeyOf`. */
export const refreshRows = rows<RefreshRow>('accounts', isRefreshRow);
export const REFRESH_PREFIX = 'refresh.';
/** The key of the refresh token of a login, by the key of the login. */
export const refreshKeyOf = (login: string): string => `${REFRESH_PREFIX}${login.slice(LOGIN_PREFIX.length)}`;
/** Requests of device authorization. */
export const pairRows = rows<PairRow>('accounts', isPairRow);
/** Invitations to create an account, with the key prefix `INVITATION_PREFIX` and the hash of their token. */
export const invitationRows = rows<InvitationRow>('accounts', isInvitationRow);
export const INVITATION_PREFIX = 'invitation.';
/** Links that sign another device in, by the hash of their token. */
export const handoverRows = rows<HandoverRow>('accounts', isHandoverRow);
/** API keys and runner tokens, by the hash of their secret. */
export const keyRows = rows<KeyRow>('api-keys', isKeyRow);
/** Share links, keys `<sid>.<shareId>`. */
export const shareRows = rows<ShareRow>('shares', isShareRow);

/** Owners of sessions by session id, and of runners by `runnerOwnerKey`. */
export const ownerRows = rows<OwnerRow>('owners', isOwnerRow);
/** Owners of runners, with the token that claimed the runner. */
export const runnerOwnerRows = rows<RunnerOwnerRow>('owners', isRunnerOwnerRow);
export const RUNNER_OWNER_PREFIX = 'runner.';
export const runnerOwnerKey = (rid: string): string => `${RUNNER_OWNER_PREFIX}${rid}`;

/** Sessions as lists show them, by `sessionRowKey`. The projector writes them. */
export const sessionRows = rows<SessionRow>('sessions', isSessionRow);
/** The sessions of an account that were active last, by the id of the account. The projector writes them. */
export const recentSessionsRows = rows<RecentSessionsRow>('recent-sessions', isRecentSessionsRow);
/** Meta states of sessions, by session id. The projector writes them. */
export const sessionMetaRows = rows<SessionMetaRow>('session-meta', isSessionMetaRow);
/** Runners, by runner id. The projector writes them. */
export const runnerRows = rows<RunnerRow>('runners', isRunnerRow);

/** Blobs, keys `<userId>.<sid>.<hash>`. */
export const blobRows = rows<BlobRow>('blob-owners', isBlobRow);
/** What is stored for an account. */
export const usageRows = rows<UsageRow>('usage', isUsageRow);
/** Deleted sessions whose blobs must be removed, by `deletedKey`. */
export const deletedRows = rows<DeletedRow>('usage', isDeletedRow);
export const deletedKey = (userId: string, sid: string): string => `deleted.${userId}.${sid}`;
/** Sessions and accounts that are being erased, by `erasingKey`. */
export const erasingRows = rows<ErasingRow>('usage', isErasingRow);
export const ERASING_PREFIX = 'erasing.';
export const erasingKey = (userId: string, sid?: string): string =>
  sid === undefined ? `${ERASING_PREFIX}${userId}` : `${ERASING_PREFIX}${userId}.${sid}`;

/** The key pair that signs pushes. */
export const vapidRows = rows<VapidRow>('notifications', isVapidRow);
/** What an account wants to be notified of. */
export const notificationPrefsRows = rows<NotificationPrefsRow>('notifications', isNotificationPrefsRow);
/** The browsers that receive pushes of an account. */
export const pushSubscriptionRows = rows<PushSubscriptionRow>('notifications', isPushSubscriptionRow);
