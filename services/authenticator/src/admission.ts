import {
  accountKey,
  accountRows,
  keyRows,
  ownerOf,
  runnerOwnerKey,
  runnerOwnerRows,
  type Backbone,
} from '@pizzapi/backbone';
import { secretHash, tokenKind } from '@pizzapi/process';
import { isImported, parseNatsUser, parseRunnerPassword, type HostLogin, type KeyRow } from '@pizzapi/protocol';
import { connectionName } from './connectionName.js';
import type { Grants } from './grants.js';
import { hostPermissions } from './permissions.js';
import type { ConnectionAuthorizer } from './connectionAuthorizer.js';
import { claimRunner } from './runnerClaim.js';
import type { Admittance } from './userJwt.js';
import { faultOf, type KeyFault } from './keyFault.js';

/** A secret shorter than this is no proof that a host is the one it was before. */
const MIN_SECRET_CHARS = 16;

export interface LoginAttempt {
  user: string;
  password: string;
}

export type RefusalReason =
  | KeyFault
  /** The runner id belongs to another host. */
  | 'runner_claimed'
  /** The account forgot the runner. */
  | 'runner_forgotten'
  /** The session was deleted, or granted to another host. */
  | 'session_not_found'
  | 'fenced';

export type Admission =
  | {
      kind: 'admitted';
      admittance: Admittance;
      key?: { hash: string; row: KeyRow; revision: number };
      claimed: boolean;
      userId: string;
    }
  | { kind: 'refused'; reason: RefusalReason; userId?: string };

export interface AdmissionDeps {
  b: Backbone;
  grants: Grants;
  authorizer: ConnectionAuthorizer;
}

/** Decides whether a host is let in, and with what. Reads the buckets themselves: what was revoked is refused at once. */
export async function admit(deps: AdmissionDeps, attempt: LoginAttempt, now: number): Promise<Admission> {
  const user = parseNatsUser(attempt.user);
  if (user === undefined) return { kind: 'refused', reason: 'unauthenticated' };
  const { login, inbox } = user;
  return login.kind === 'session'
    ? admitSession(deps, { login, inbox, password: attempt.password }, now)
    : admitDaemon(deps, { login, inbox, password: attempt.password }, now);
}

interface HostAttempt<L extends HostLogin> {
  login: L;
  inbox: string | undefined;
  password: string;
}

async function admitDaemon(
  { b, authorizer }: AdmissionDeps,
  { login, inbox, password }: HostAttempt<Exclude<HostLogin, { kind: 'session' }>>,
  now: number,
): Promise<Admission> {
  const parsed = parseRunnerPassword(password);
  if (parsed === undefined || tokenKind(parsed.token) !== 'runner' || parsed.runnerSecret.length < MIN_SECRET_CHARS)
    return { kind: 'refused', reason: 'unauthenticated' };
  const { rid } = login;
  // Sessions under this id were imported. A runner with this id would take them.
  if (isImported({ runnerId: rid })) return { kind: 'refused', reason: 'runner_claimed' };
  const hash = secretHash(parsed.token);
  const found = await keyRows(b).get(hash);
  const fault = await keyFault(b, found?.value, now);
  if (found === undefined || fault !== undefined)
    return { kind: 'refused', reason: fault ?? 'unauthenticated', ...(found && { userId: found.value.userId }) };
  const { userId, id, expiresAt, createdAt: keyCreatedAt } = found.value;
  const claim = await claimRunner(b, {
    userId,
    runnerId: rid,
    secretHash: secretHash(parsed.runnerSecret),
    keyHash: hash,
    keyCreatedAt,
  });
  if (claim === 'forgotten') return { kind: 'refused', reason: 'runner_forgotten', userId };
  if (claim === 'taken') return { kind: 'refused', reason: 'runner_claimed', userId };
  const kept = login.kind === 'keeper' ? authorizer.sessionsOf(rid) : [];
  return {
    kind: 'admitted',
    admittance: { name: connectionName(login, id), permissions: hostPermissions(login, { kept, inbox }), expiresAt },
    key: { hash, row: found.value, revision: found.revision },
    claimed: claim === 'claimed',
    userId,
  };
}

/**
 * A worker shows the grant of its session. One of an epoch that is over is let in: its host has to be able to ask for
 * another, and the log is fenced. One of a host that the session does not belong to any more is not.
 */
async function admitSession(
  { b, grants }: AdmissionDeps,
  { login, inbox, password }: HostAttempt<Extract<HostLogin, { kind: 'session' }>>,
  now: number,
): Promise<Admission> {
  const { sid } = login;
  const grant = grants.read(password);
  if (grant === undefined || grant.sid !== sid) return { kind: 'refused', reason: 'unauthenticated' };
  const { userId, rid } = grant;
  const [owner, runner] = await Promise.all([ownerOf(b, sid), runnerOwnerRows(b).get(runnerOwnerKey(rid))]);
  if (owner === undefined || owner.userId !== userId) return { kind: 'refused', reason: 'session_not_found', userId };
  if (owner.runnerId !== rid || owner.epoch < grant.epoch) return { kind: 'refused', reason: 'fenced', userId };
  const keyHash = runner?.value.userId === userId ? runner.value.keyHash : undefined;
  const key = keyHash === undefined ? undefined : (await keyRows(b).get(keyHash))?.value;
  const fault = await keyFault(b, key, now);
  if (fault !== undefined) return { kind: 'refused', reason: fault, userId };
  const admittance = {
    name: connectionName(login, rid),
    permissions: hostPermissions(login, { inbox }),
    expiresAt: key?.expiresAt,
  };
  return { kind: 'admitted', admittance, claimed: false, userId };
}

async function keyFault(b: Backbone, key: KeyRow | undefined, now: number): Promise<KeyFault | undefined> {
  const account = key === undefined ? undefined : (await accountRows(b).get(accountKey(key.userId)))?.value;
  return faultOf(key, account, now);
}
