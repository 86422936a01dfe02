import { inboxPrefixOf, subjects, type HostLogin } from '@pizzapi/protocol';
import type { Permissions } from './roles.js';

/**
 * What the connection of a host may do: the least it needs (PROTOCOL.md, "Security"). What is not here the authenticator
 * does for it on `desk.*`. No host may read a log, make a consumer, list anything, or receive what is for another.
 */

/** Sessions that one keeper connection may write at most: the permissions travel in one message. */
export const MAX_KEPT_SESSIONS = 500;

export interface HostPermissionsOptions {
  /** For a keeper, the sessions that belong to its runner. */
  kept?: readonly string[];
  /** The name of the inbox that the connection chose. */
  inbox?: string | undefined;
}

export function hostPermissions(login: HostLogin, { kept = [], inbox }: HostPermissionsOptions = {}): Permissions {
  const { publish, subscribe } = ownSubjects(login, kept);
  return { publish, subscribe: [...subscribe, `${inboxPrefixOf(login, inbox)}.>`], answers: true };
}

function ownSubjects(login: HostLogin, kept: readonly string[]): Permissions {
  if (login.kind === 'session') return sessionSubjects(login.sid);
  if (login.kind === 'runner') return runnerSubjects(login.rid);
  const sessions = kept.slice(0, MAX_KEPT_SESSIONS).map(sessionSubjects);
  return {
    publish: [`desk.runner.${login.rid}`, ...sessions.flatMap(({ publish }) => publish)],
    subscribe: sessions.flatMap(({ subscribe }) => subscribe),
  };
}

function runnerSubjects(rid: string): Permissions {
  return {
    publish: [
      subjects.runnerEvents(rid),
      subjects.terminalOutputs(rid),
      `desk.runner.${rid}`,
      `$KV.leases.runner.${rid}`,
    ],
    subscribe: [subjects.runnerRpc(rid, '*'), subjects.liveRunnerCommands(rid)],
  };
}

function sessionSubjects(sid: string): Permissions {
  return {
    publish: [
      subjects.sessionEvents(sid),
      subjects.sessionDeltas(sid),
      `desk.session.${sid}`,
      `$KV.leases.session.${sid}`,
    ],
    subscribe: [subjects.sessionPartial(sid)],
  };
}
