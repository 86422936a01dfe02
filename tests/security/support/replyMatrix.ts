import { AUDITOR, hostPermissions, SERVICES } from '@pizzapi/authenticator';
import type { RawLogin } from '@pizzapi/authenticator/testing';
import { inboxPrefixOfNkey, openNkey, stateSeedOf } from '@pizzapi/backbone';
import type { NatsCredentials } from '@pizzapi/process';
import { encode, inboxPrefixOf, natsUserOf, type HostLogin } from '@pizzapi/protocol';

/** The ids of the host that attacks and of the one that is attacked. */
export const MINE = { rid: 'mallorys-runner', sid: 'mallorys-session' };
export const VICTIM = { rid: 'victims-runner', sid: 'victims-session' };

/** Who attacks: a login, and concrete subjects that it may publish on. */
export interface Attacker {
  name: string;
  login: RawLogin;
  subjects: string[];
}

interface HostPasswords {
  runner: string;
  session: string;
}

const SERVICE_ROLES = ['gateway', 'projector', 'authenticator'] as const;

/** Every login there is but the provisioner's, which may do everything. */
export function attackersOf(credentials: NatsCredentials, passwords: HostPasswords): Attacker[] {
  const host = (login: HostLogin, pass: string, kept: string[] = []): Attacker => ({
    name: login.kind,
    login: { user: natsUserOf(login), pass },
    subjects: concrete(hostPermissions(login, { kept }).publish),
  });
  const { user, password } = credentials.auditor;
  return [
    host({ kind: 'runner', rid: MINE.rid }, passwords.runner),
    host({ kind: 'keeper', rid: MINE.rid }, passwords.runner, [MINE.sid]),
    host({ kind: 'session', sid: MINE.sid }, passwords.session),
    { name: 'auditor', login: { user, pass: password }, subjects: concrete(AUDITOR.publish) },
    ...SERVICE_ROLES.flatMap((role) => {
      const { nkeySeed } = credentials[role];
      return [
        { name: role, login: { nkey: nkeySeed }, subjects: concrete(SERVICES[role].log.publish) },
        {
          name: `${role}, for the state`,
          login: { nkey: stateSeedOf(nkeySeed) },
          subjects: concrete(SERVICES[role].state.publish),
        },
      ];
    }),
  ];
}

/** Calls that work on something: a wildcard stands for what the test has stored. */
const CALLS: readonly [pattern: RegExp, subjects: readonly string[]][] = [
  [/^(\$JS\.pizzapi)\.API\.DIRECT\.GET\.>$/, [`DIRECT.GET.SESSIONS`, `DIRECT.GET.SESSIONS.session.${MINE.sid}.events`]],
  [
    /^(\$JS\.pizzapi-state)\.API\.DIRECT\.GET\.>$/,
    ['DIRECT.GET.KV_owners', `DIRECT.GET.KV_owners.$KV.owners.${MINE.sid}`],
  ],
  [/^(\$JS\.pizzapi)\.API\.STREAM\.(INFO|MSG\.GET)\.\*$/, ['STREAM.INFO.SESSIONS', 'STREAM.MSG.GET.SESSIONS']],
  [/^(\$JS\.pizzapi-state)\.API\.STREAM\.(INFO|MSG\.GET)\.\*$/, ['STREAM.INFO.KV_owners', 'STREAM.MSG.GET.KV_owners']],
  [
    /^(\$JS\.pizzapi)\.API\.CONSUMER\.(\w+|MSG\.NEXT)\.>$/,
    [
      'CONSUMER.INFO.SESSIONS.none',
      'CONSUMER.MSG.NEXT.SESSIONS.reader',
      'CONSUMER.CREATE.SESSIONS',
      'CONSUMER.DELETE.SESSIONS.none',
    ],
  ],
  [
    /^(\$JS\.pizzapi-state)\.API\.CONSUMER\.(\w+|MSG\.NEXT)\.>$/,
    ['CONSUMER.INFO.KV_owners.none', 'CONSUMER.CREATE.KV_owners', 'CONSUMER.DELETE.KV_owners.none'],
  ],
];

function concrete(patterns: readonly string[]): string[] {
  const all = patterns.flatMap((pattern) => {
    for (const [call, subjects] of CALLS) {
      const match = call.exec(pattern);
      if (match !== null) return subjects.map((subject) => `${match[1]}.API.${subject}`);
    }
    // An id of its own: what is published there directly must not pass for what a reply brought.
    return [pattern.replaceAll('*', 'own').replace(/>$/, 'own.own')];
  });
  return [...new Set(all)];
}

/** Subjects that an attacker names for replies: calls of the API, and what belongs to others. */
export function replySubjects(credentials: NatsCredentials): string[] {
  const streams = ['SESSIONS', 'COMMANDS', 'KV_leases', 'KV_owners', 'KV_accounts'];
  const calls = ['UPDATE', 'PURGE', 'DELETE', 'MSG.DELETE', 'RESTORE'].flatMap((call) =>
    streams.map((stream) => `STREAM.${call}.${stream}`),
  );
  const consumers = [
    'CONSUMER.CREATE.SESSIONS.x',
    'CONSUMER.DELETE.SESSIONS.reader',
    'CONSUMER.MSG.NEXT.SESSIONS.reader',
  ];
  const api = ['STREAM.CREATE.NEW', ...calls, ...consumers];
  const { gateway, authenticator } = credentials;
  return [
    ...['$JS.API', '$JS.pizzapi.API', '$JS.pizzapi-state.API'].flatMap((prefix) =>
      api.map((call) => `${prefix}.${call}`),
    ),
    '$KV.leases.victim',
    `$KV.owners.${VICTIM.sid}`,
    '$KV.accounts.user.victim',
    '$O.session-blobs.M.victim',
    `session.${VICTIM.sid}.events`,
    `session.${VICTIM.sid}.deltas`,
    `session.${VICTIM.sid}.partial`,
    `runner.${VICTIM.rid}.events`,
    `runner.${VICTIM.rid}.cmd`,
    `runner.${VICTIM.rid}.rpc.status`,
    `live.session.${VICTIM.sid}.events`,
    `live.runner.${VICTIM.rid}.cmd`,
    `desk.session.${VICTIM.sid}`,
    `desk.runner.${VICTIM.rid}`,
    'desk.purge',
    `attention.${VICTIM.sid}`,
    'audit.victim',
    '$SYS.REQ.USER.AUTH',
    '$SYS.REQ.SERVER.PING',
    '$SYS.ACCOUNT.PIZZAPI.CLAIMS.UPDATE',
    '_INBOX.victim',
    `${inboxPrefixOf({ kind: 'runner', rid: VICTIM.rid })}.x`,
    `${inboxPrefixOf({ kind: 'session', sid: VICTIM.sid })}.x`,
    ...[gateway, authenticator].map(({ nkeySeed }) => `${inboxPrefixOfNkey(openNkey(nkeySeed).publicKey)}.x`),
  ];
}

/** Nothing, an empty object, no JSON at all, and a question that the authenticator answers with what was stored. */
export const BODIES: readonly Buffer[] = [
  Buffer.from(''),
  Buffer.from('{}'),
  Buffer.from('{"stored": '),
  Buffer.from(encode({ verb: 'read_lease' })),
  Buffer.from(`{"last_by_subj":"session.${MINE.sid}.events"}`),
];

/** The lines of the client protocol that publish every body on every subject with every reply subject. */
export function linesOf(
  subjects: readonly string[],
  replies: readonly string[],
): { subject: string; text: string; count: number }[] {
  return subjects.map((subject) => {
    const lines = replies.flatMap((reply) =>
      BODIES.map((body) => `PUB ${subject} ${reply} ${body.length}\r\n${body.toString('latin1')}`),
    );
    return { subject, text: lines.join('\r\n'), count: lines.length };
  });
}
