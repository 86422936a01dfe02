import { inboxPrefixOf, subjects, type HostLogin } from '@pizzapi/protocol';
import type { Permissions } from './roles.js';

/**
 * What the connection of a host may do: the least it needs (PROTOCOL.md, "Security"). What is not here the authenticator
 * does for it on `desk.*`. No host may read the log, make a consumer on it, list anything, or listen to another.
 */

/** Sessions that one keeper connection may write at most: the permissions travel in one message. */
export const MAX_KEPT_SESSIONS = 500;

/** `kept`: for a keeper, the sessions that belong to its runner. */
export function hostPermissions(login: HostLogin, kept: readonly string[] = []): Permissions {
  const inbox = `${inboxPrefixOf(login)}.>`;
  if (login.kind === 'session') {
    const { publish, subscribe } = sessionPermissions(login.sid);
    return { publish, subscribe: [...subscribe, inbox], answers: true };
  }
  if (login.kind === 'runner') {
    const { publish, subscribe } = runnerPermissions(login.rid);
    return { publish, subscribe: [...subscribe, inbox], answers: true };
  }
  const sessions = kept.slice(0, MAX_KEPT_SESSIONS).map(sessionPermissions);
  return {
    publish: [`desk.runner.${login.rid}`, ...sessions.flatMap(({ publish }) => publish)],
    subscribe: [...sessions.flatMap(({ subscribe }) => subscribe), inbox],
    answers: true,
  };
}

function runnerPermissions(rid: string): Permissions {
  const commands = subjects.runnerCommands(rid);
  return {
    publish: [
      subjects.runnerEvents(rid),
      `desk.runner.${rid}`,
      ...leasePermissions(`runner.${rid}`),
      // Its own commands: the filter is part of the subject, and the server holds it against the request. One consumer,
      // of its own name: a host must not be able to use up what the stream allows for all.
      `$JS.API.CONSUMER.CREATE.COMMANDS.${rid}.${commands}`,
      `$JS.API.CONSUMER.MSG.NEXT.COMMANDS.${rid}`,
      `$JS.API.CONSUMER.DELETE.COMMANDS.${rid}`,
    ],
    subscribe: [subjects.runnerRpc(rid, '*')],
  };
}

function sessionPermissions(sid: string): Permissions {
  const events = subjects.sessionEvents(sid);
  return {
    publish: [
      events,
      subjects.sessionDeltas(sid),
      `desk.session.${sid}`,
      ...leasePermissions(`session.${sid}`),
      // The last event of its own subject says whether an append is still its to make.
      `$JS.API.DIRECT.GET.SESSIONS.${events}`,
    ],
    subscribe: [subjects.sessionPartial(sid)],
  };
}

function leasePermissions(key: string): string[] {
  return [`$KV.leases.${key}`, `$JS.API.DIRECT.GET.KV_leases.$KV.leases.${key}`];
}
