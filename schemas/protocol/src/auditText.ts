import type { AuditReply } from './accounts.js';
import { isMap, numberAt, stringAt, type UnknownMap } from './json.js';
import { isRunnerMethod, methodSpec } from './runnerRpc/index.js';

/** A row of the audit log. Only the fields of every kind are certain. */
export type AuditRowFields = AuditReply['rows'][number] & UnknownMap;

/** A row of the audit log as the parts of a sentence: `who` `did` [`sid`] `more`, `from`. */
export interface AuditSentence {
  who: string;
  did: string;
  sid?: string;
  more?: string;
  from?: string;
  /** An action was refused or failed. */
  bad: boolean;
}

/** The names of people and machines that rows name by their ids. */
export interface AuditNames {
  user: (userId: string) => string | undefined;
  runner: (runnerId: string) => string | undefined;
}

/** The same text for every row of a kind, or one made from the row. */
type Did = string | ((row: AuditRowFields, names: AuditNames) => { did: string; more?: string });

const COMMANDS: Readonly<Record<string, string>> = {
  new_session: 'started',
  attach_session: 'attached to',
  kill_session: 'ended',
  abort: 'stopped the agent in',
  queue_edit: 'edited a message in the queue of',
  queue_remove: 'took a message out of the queue of',
  queue_move: 'changed the order of the queue of',
  queue_send_now: 'sent a message of the queue at once in',
  model_set: 'changed the model of',
  set_thinking_level: 'changed the thinking of',
  compact: 'compacted',
  exec: 'ran a shell command in',
  dialog_response: 'answered a question in',
  fork: 'forked',
  set_name: 'renamed',
  set_plan_mode: 'switched plan mode in',
  set_approvals: 'changed the approvals of',
  set_goal: 'changed the goal of',
};

const HOW: Readonly<Record<string, string>> = {
  link: ' by a link',
  signup: ' with a new account',
  invitation: ' with an invitation',
  handover: ' on another device',
};
const MODES: Readonly<Record<string, string>> = {
  owner: '',
  approve: 'to write and approve',
  collab: 'to write',
  read: 'read-only',
};
const LINKS: Readonly<Record<string, string>> = {
  approve: 'a link that can write and approve in',
  collab: 'a link that can write to',
  read: 'a read-only link to',
};

const ENDS: Readonly<Record<string, string>> = {
  revoked: '(the link was revoked)',
  expired: '(the link has expired)',
  restricted: '(the link is read-only now)',
  disabled: '(the account is disabled)',
};

const said = (row: AuditRowFields, name: string): string => stringAt(row, name) ?? '';
const link = (row: AuditRowFields): string => LINKS[said(row, 'mode')] ?? 'a link to';
const code = (row: AuditRowFields): string => (said(row, 'code') === '' ? '' : `(${said(row, 'code')})`);
const quoted = (name: string): string => (name === '' ? '' : ` “${name}”`);
/** The key's or the asking program's own name and what it is for. */
const key = (row: AuditRowFields): string =>
  `${said(row, 'keyKind') === 'runner' ? 'a runner token' : 'an API key'}${quoted(said(row, 'name') || said(row, 'hint'))}`;

/** Why a session was erased, where no person asked for it. */
const WHYS: Readonly<Record<string, string>> = {
  retention: 'as old as its account keeps',
  archived: 'after it was archived',
};

const DID: Readonly<Record<string, Did>> = {
  login: (row) => ({ did: `signed in${HOW[said(row, 'how')] ?? ''}` }),
  login_failed: (row) => ({
    did: said(row, 'what') === 'password' ? 'entered a wrong current password' : 'failed to sign in',
  }),
  logout: 'signed out',
  signup: (row) => ({
    did: said(row, 'outcome') === '' ? 'created an account' : 'requested an account and was refused',
  }),
  password: 'changed the password',
  key_created: (row) => ({ did: `created ${key(row)}` }),
  key_revoked: (row) => ({ did: `revoked ${key(row)}` }),
  pair_asked: (row) => ({ did: `requested ${key(row)}` }),
  pair_answered: (row) => ({ did: `${row['approved'] === false ? 'denied' : 'approved'} ${key(row)}` }),
  share_created: (row, names) =>
    said(row, 'target') === ''
      ? { did: `created ${link(row)}` }
      : { did: 'shared', more: [`with ${target(row, names)}`, MODES[said(row, 'mode')] ?? ''].join(' ').trim() },
  share_changed: (row) => ({
    did: `restricted to ${said(row, 'mode') === 'collab' ? 'writing' : 'reading'} a link to`,
  }),
  share_revoked: (row, names) =>
    said(row, 'target') === ''
      ? { did: 'revoked a link to' }
      : { did: 'stopped sharing', more: `with ${target(row, names)}` },
  invitation_created: (row) => ({ did: `created an invitation${quoted(said(row, 'note'))}` }),
  invitation_revoked: (row) => ({ did: `revoked an invitation${quoted(said(row, 'note'))}` }),
  handover_created: 'created a sign-in link for another device',
  lan_opened: (row) => ({ did: 'opened the page to the local network', more: said(row, 'addresses') }),
  lan_closed: 'closed the page to the local network',
  guest_spawn: 'started through an agent',
  guest_stopped: (row) => ({
    did: said(row, 'what') === 'session' ? 'lost access, which ended' : 'lost access, which stopped the agent in',
    more: ENDS[said(row, 'why')] ?? '',
  }),
  notifications: (row) => ({ did: notified(row) }),
  join: (row) => joined(row),
  input: 'wrote to',
  command: (row, names) => commandDone(row, names),
  delete: 'deleted',
  refused: (row) => refusal(row),
  user_disabled: (row, names) => ({ did: `disabled ${target(row, names)}` }),
  user_enabled: (row, names) => ({ did: `enabled ${target(row, names)}` }),
  erased: (row) => ({
    did: `erased ${said(row, 'what') === 'account' ? 'an account' : 'a session'}`,
    more: WHYS[said(row, 'why')] ?? '',
  }),
  archived: 'wrote a session to an archive',
  restored: 'restored a backup',
  retention_changed: (row, names) => ({ did: `changed what is kept of the sessions of ${target(row, names)}` }),
  runner_claimed: (row, names) => ({ did: `connected a new runner, ${runner(row, names)}` }),
  runner_forgotten: (row, names) => ({ did: `forgot the runner ${runner(row, names)}` }),
  runner_call: (row, names) => runnerCall(row, names),
  runner_refused: (row, names) => ({ did: `was refused as ${runner(row, names)}`, more: code(row) }),
  session_granted: (row, names) => ({ did: 'was granted', more: `on ${runner(row, names)}` }),
};
/** Rows that no account is behind, unless they name one. */
const BY_THE_INSTALLATION: ReadonlySet<string> = new Set(['erased', 'archived', 'restored']);
const BAD = new Set(['login_failed', 'refused', 'runner_refused']);

/** Returns a row of any kind as a sentence. Total: a missing field is left out. */
export function auditSentence(row: AuditRowFields, names: AuditNames): AuditSentence {
  const known = Object.hasOwn(DID, row.kind) ? DID[row.kind]! : row.kind.replaceAll('_', ' ');
  const { did, more = '' } = typeof known === 'string' ? { did: known } : known(row, names);
  const [sid, from] = [said(row, 'sessionId'), said(row, 'ip')];
  return {
    who: who(row, names),
    did,
    bad: BAD.has(row.kind) || (row.kind === 'runner_call' && said(row, 'outcome') !== ''),
    ...(sid === '' ? {} : { sid }),
    ...(more === '' ? {} : { more }),
    ...(from === '' ? {} : { from }),
  };
}

function who(row: AuditRowFields, names: AuditNames): string {
  // What an agent does for a guest is in a row of the account, which names the guest.
  const userId = said(row, 'guestId') || said(row, 'userId');
  if (userId.startsWith('guest_')) {
    const account = said(row, 'account');
    if (account !== '') return `${names.user(account) ?? (said(row, 'guest') || account)}, as a guest`;
    return `${said(row, 'guest') || 'A guest'}, via link`;
  }
  if (userId !== '') return names.user(userId) ?? userId;
  if (BY_THE_INSTALLATION.has(row.kind)) return 'The installation';
  return row.kind === 'runner_refused' || row.kind === 'runner_claimed' ? 'A machine' : 'An unknown client';
}

function commandDone(row: AuditRowFields, names: AuditNames): { did: string; more?: string } {
  const name = said(row, 'name');
  const did = Object.hasOwn(COMMANDS, name)
    ? COMMANDS[name]!
    : `sent ${name === '' ? 'a command' : `the command ${name}`}`;
  const runnerId = said(row, 'runnerId');
  const isOfRunner = said(row, 'sessionId') === '' && runnerId !== '';
  return { did, ...(isOfRunner ? { more: `on ${runner(row, names)}` } : {}) };
}

/** A row stands for a request, or with `outcome` for its failure. */
function runnerCall(row: AuditRowFields, names: AuditNames): { did: string; more?: string } {
  const method = said(row, 'method');
  const changes = isRunnerMethod(method) ? methodSpec(method).changes : undefined;
  const did = changes?.kind === 'audited' ? changes.did : `asked for ${method === '' ? 'something' : method}`;
  const [path, to, cwd, command, outcome] = ['path', 'to', 'cwd', 'command', 'outcome'].map((name) => said(row, name));
  const parts = [
    `on ${runner(row, names)}`,
    path === '' ? '' : `: ${path}`,
    to === '' ? '' : ` → ${to}`,
    command === '' ? '' : `: ${command}`,
    cwd === '' ? '' : ` (in ${cwd})`,
    outcome === '' ? '' : `, which failed (${outcome})`,
  ];
  return { did, more: parts.join('') };
}

/** A row stands for one connection, or for a number of later ones. */
function joined(row: AuditRowFields): { did: string; more?: string } {
  const count = numberAt(row, 'count') ?? 0;
  const how = [MODES[said(row, 'mode')] ?? '', count === 0 ? '' : `${count} more times`];
  return { did: 'opened', more: how.filter((part) => part !== '').join(', ') };
}

function refusal(row: AuditRowFields): { did: string; more?: string } {
  const request = [said(row, 'method'), said(row, 'path')].filter((part) => part !== '').join(' ');
  const asked = request || (said(row, 'frame') === '' ? '' : `the frame ${said(row, 'frame')} in`);
  const suppressed = numberAt(row, 'suppressed') ?? 0;
  const more = [code(row), suppressed === 0 ? '' : `and ${suppressed} similar`];
  return { did: `was refused ${asked}`.trim(), more: more.filter((part) => part !== '').join(' ') };
}

function notified(row: AuditRowFields): string {
  const device = quoted(said(row, 'label'));
  const host = said(row, 'host') === '' ? '' : ` to ${said(row, 'host')}`;
  const changes: Readonly<Record<string, string>> = {
    device_added: `turned notifications on for the device${device}`,
    device_removed: `turned notifications off for the device${device}`,
    webhook_set: `set the webhook of their notifications${host}`,
    webhook_removed: 'removed the webhook of their notifications',
  };
  return changes[said(row, 'change')] ?? 'changed their notifications';
}

function target(row: AuditRowFields, names: AuditNames): string {
  const id = said(row, 'target');
  return id === '' ? 'an account' : (names.user(id) ?? id);
}

function runner(row: AuditRowFields, names: AuditNames): string {
  // Rows of connections name the login: `runner.<rid>`, `keeper.<rid>` or `session.<sid>`.
  const runnerId = said(row, 'runnerId') || said(row, 'login').replace(/^(runner|keeper)\./, '');
  return runnerId === '' ? 'an unnamed runner' : (names.runner(runnerId) ?? runnerId);
}

/** The sentence as one text. `titleOf` gives the title of a session. */
export function auditText({ who, did, sid, more, from }: AuditSentence, titleOf = (id: string): string => id): string {
  const parts = [who, did, sid === undefined ? '' : titleOf(sid), more, from === undefined ? '' : `from ${from}`];
  return parts.filter((part) => part).join(' ');
}

/** The fields of a row, beside its kind, time and offset. */
export function auditDetails(row: AuditRowFields): [name: string, value: string][] {
  return Object.entries(row)
    .filter(([name]) => !['kind', 'at', 'seq'].includes(name))
    .map(([name, value]): [string, string] => [name, isMap(value) ? JSON.stringify(value) : String(value)]);
}
