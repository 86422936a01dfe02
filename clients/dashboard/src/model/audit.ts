import { isMap, numberAt, stringAt, type AuditReply, type UnknownMap } from '@pizzapi/protocol';

/** A row: what every kind has, and fields of its own that nothing promises. */
export type ShownAuditRow = AuditReply['rows'][number] & UnknownMap;

/** What each kind of row is called where one chooses among them. Kinds that are not here are shown by their own name. */
export const AUDIT_KINDS: Readonly<Record<string, string>> = {
  login: 'Sign-ins',
  login_failed: 'Failed sign-ins',
  logout: 'Sign-outs',
  signup: 'New accounts',
  password: 'Passwords',
  key_created: 'Keys created',
  key_revoked: 'Keys revoked',
  pair_asked: 'Pairings asked for',
  pair_answered: 'Pairings answered',
  share_created: 'Links created',
  share_changed: 'Links changed',
  share_revoked: 'Links revoked',
  guest_spawn: 'Sessions of guests',
  guest_stopped: 'Ends of guests',
  notifications: 'Notifications',
  join: 'Sessions opened',
  input: 'Messages',
  command: 'Commands',
  delete: 'Deletions',
  refused: 'Refusals',
  user_disabled: 'People disabled',
  user_enabled: 'People enabled',
  runner_claimed: 'Runners claimed',
  runner_refused: 'Runners refused',
  session_granted: 'Sessions granted',
};

/** A row as a sentence: `who` `did` [the session] `more`, from where. */
export interface AuditLine {
  who: string;
  did: string;
  sid?: string;
  more?: string;
  from?: string;
  /** Something was refused or failed. */
  bad: boolean;
}

/** What the page knows of the people and machines that rows name by their ids. */
export interface Names {
  user: (userId: string) => string | undefined;
  runner: (runnerId: string) => string | undefined;
}

/** The same for every row of a kind, or made of the row. */
type Did = string | ((row: ShownAuditRow, names: Names) => { did: string; more?: string });

const COMMANDS: Readonly<Record<string, string>> = {
  new_session: 'started',
  attach_session: 'attached to',
  kill_session: 'ended',
  abort: 'stopped the agent in',
  model_set: 'changed the model of',
  set_thinking_level: 'changed the thinking of',
  compact: 'compacted',
  exec: 'ran a shell command in',
  dialog_response: 'answered a question in',
  fork: 'forked',
  set_name: 'renamed',
};

const HOW: Readonly<Record<string, string>> = { link: ' by a link', signup: ' with a new account' };
const MODES: Readonly<Record<string, string>> = {
  owner: '',
  approve: 'to write and approve',
  collab: 'to write',
  read: 'to watch',
};
const LINKS: Readonly<Record<string, string>> = {
  approve: 'a link that can write and approve in',
  collab: 'a link that can write to',
  read: 'a read-only link to',
};

const ENDS: Readonly<Record<string, string>> = {
  revoked: '(the link was revoked)',
  expired: '(the link has expired)',
  restricted: '(the link only lets people watch now)',
  disabled: '(the account is disabled)',
};

const said = (row: ShownAuditRow, name: string): string => stringAt(row, name) ?? '';
const link = (row: ShownAuditRow): string => LINKS[said(row, 'mode')] ?? 'a link to';
const code = (row: ShownAuditRow): string => (said(row, 'code') === '' ? '' : `(${said(row, 'code')})`);
const quoted = (name: string): string => (name === '' ? '' : ` “${name}”`);
/** The key's or the asking program's own name and what it is for. */
const key = (row: ShownAuditRow): string =>
  `${said(row, 'keyKind') === 'runner' ? 'a runner token' : 'an API key'}${quoted(said(row, 'name') || said(row, 'hint'))}`;

const DID: Readonly<Record<string, Did>> = {
  login: (row) => ({ did: `signed in${HOW[said(row, 'how')] ?? ''}` }),
  login_failed: (row) => ({
    did: said(row, 'what') === 'password' ? 'gave a wrong current password' : 'tried to sign in and failed',
  }),
  logout: 'signed out',
  signup: (row) => ({ did: said(row, 'outcome') === '' ? 'created an account' : 'asked for an account and got none' }),
  password: 'changed the password',
  key_created: (row) => ({ did: `created ${key(row)}` }),
  key_revoked: (row) => ({ did: `revoked ${key(row)}` }),
  pair_asked: (row) => ({ did: `asked for ${key(row)}` }),
  pair_answered: (row) => ({ did: `${row['approved'] === false ? 'denied' : 'approved'} ${key(row)}` }),
  share_created: (row) => ({ did: `made ${link(row)}` }),
  share_changed: (row) => ({
    did: `took back to ${said(row, 'mode') === 'collab' ? 'writing' : 'watching'} a link to`,
  }),
  share_revoked: 'revoked a link to',
  guest_spawn: 'had an agent start',
  guest_stopped: (row) => ({
    did: said(row, 'what') === 'session' ? 'had this session ended:' : 'had their work stopped in',
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
  runner_claimed: (row, names) => ({ did: `connected a new runner, ${runner(row, names)}` }),
  runner_refused: (row, names) => ({ did: `was refused as ${runner(row, names)}`, more: code(row) }),
  session_granted: (row, names) => ({ did: 'was granted', more: `on ${runner(row, names)}` }),
};
const BAD = new Set(['login_failed', 'refused', 'runner_refused']);

/** Reads a row of any kind, known or not. Total: a field that is missing leaves its words out. */
export function auditLine(row: ShownAuditRow, names: Names): AuditLine {
  const known = Object.hasOwn(DID, row.kind) ? DID[row.kind]! : row.kind.replaceAll('_', ' ');
  const { did, more = '' } = typeof known === 'string' ? { did: known } : known(row, names);
  const [sid, from] = [said(row, 'sessionId'), said(row, 'ip')];
  return {
    who: who(row, names),
    did,
    bad: BAD.has(row.kind),
    ...(sid === '' ? {} : { sid }),
    ...(more === '' ? {} : { more }),
    ...(from === '' ? {} : { from }),
  };
}

function who(row: ShownAuditRow, names: Names): string {
  // What an agent does for a guest is in a row of the account, which names the guest.
  const userId = said(row, 'guestId') || said(row, 'userId');
  if (userId.startsWith('guest_')) return `${said(row, 'guest') || 'Somebody'}, via link`;
  if (userId !== '') return names.user(userId) ?? userId;
  return row.kind === 'runner_refused' || row.kind === 'runner_claimed' ? 'A machine' : 'Somebody';
}

function commandDone(row: ShownAuditRow, names: Names): { did: string; more?: string } {
  const name = said(row, 'name');
  const did = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : `sent the command ${name || 'of no name'}`;
  const runnerId = said(row, 'runnerId');
  const isOfRunner = said(row, 'sessionId') === '' && runnerId !== '';
  return { did, ...(isOfRunner ? { more: `on ${runner(row, names)}` } : {}) };
}

/** A row stands for one time, or for how often somebody came back. */
function joined(row: ShownAuditRow): { did: string; more?: string } {
  const count = numberAt(row, 'count') ?? 0;
  const how = [MODES[said(row, 'mode')] ?? '', count === 0 ? '' : `${count} more times`];
  return { did: 'opened', more: how.filter((part) => part !== '').join(', ') };
}

function refusal(row: ShownAuditRow): { did: string; more?: string } {
  const request = [said(row, 'method'), said(row, 'path')].filter((part) => part !== '').join(' ');
  const asked = request || (said(row, 'frame') === '' ? '' : `the frame ${said(row, 'frame')} in`);
  const suppressed = numberAt(row, 'suppressed') ?? 0;
  const more = [code(row), suppressed === 0 ? '' : `and ${suppressed} more like it`];
  return { did: `was refused ${asked}`.trim(), more: more.filter((part) => part !== '').join(' ') };
}

function notified(row: ShownAuditRow): string {
  const device = quoted(said(row, 'label'));
  const host = said(row, 'host') === '' ? '' : ` to ${said(row, 'host')}`;
  const changes: Readonly<Record<string, string>> = {
    device_added: `turned notifications on for the device${device}`,
    device_removed: `turned notifications off for the device${device}`,
    webhook_set: `had notifications posted${host}`,
    webhook_removed: 'removed the webhook of their notifications',
  };
  return changes[said(row, 'change')] ?? 'changed their notifications';
}

function target(row: ShownAuditRow, names: Names): string {
  const id = said(row, 'target');
  return id === '' ? 'an account' : (names.user(id) ?? id);
}

function runner(row: ShownAuditRow, names: Names): string {
  // Rows of connections name the login: `runner.<rid>`, `keeper.<rid>` or `session.<sid>`.
  const runnerId = said(row, 'runnerId') || said(row, 'login').replace(/^(runner|keeper)\./, '');
  return runnerId === '' ? 'an unnamed one' : (names.runner(runnerId) ?? runnerId);
}

export interface AuditDay {
  /** Midnight before its rows, ms. */
  day: number;
  rows: ShownAuditRow[];
}

/** The rows under their days, in the order they came. */
export function byDay(rows: readonly ShownAuditRow[]): AuditDay[] {
  const days: AuditDay[] = [];
  for (const row of rows) {
    const day = new Date(row.at).setHours(0, 0, 0, 0);
    const last = days.at(-1);
    if (last?.day === day) last.rows.push(row);
    else days.push({ day, rows: [row] });
  }
  return days;
}

/** The fields of a row that its sentence does not show, for those who look closer. */
export function auditDetails(row: ShownAuditRow): [name: string, value: string][] {
  return Object.entries(row)
    .filter(([name]) => !['kind', 'at', 'seq'].includes(name))
    .map(([name, value]): [string, string] => [name, isMap(value) ? JSON.stringify(value) : String(value)]);
}
