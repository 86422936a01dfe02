import { readFileSync } from 'node:fs';
import { AUDIT_KINDS, type AuditKind } from '@pizzapi/backbone';
import { methodSpec, RUNNER_METHOD_NAMES } from '@pizzapi/protocol';
import { table } from '../../support/document.js';

/** Tables of docs/protocol/audit.md and docs/reference/limits.md that are read from the sources. */
const ROOT = new URL('../../../', import.meta.url);
const sourceOf = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8');

/** What each kind of row of the audit log records, in addition to the time. */
const ROWS: Readonly<Record<AuditKind, string>> = {
  signup: 'an account was created, or a sign-up used an address that is taken',
  login: 'a browser signed in: the method and the address of the client',
  login_failed: 'the e-mail address or the password was wrong, or a sign-in through the issuer failed: why',
  logout: 'a login was ended; by the issuer: why',
  password: 'an account got a new password',
  key_created: 'an API key or a runner token was created: its id and name',
  key_revoked: 'an API key or a runner token was revoked: its id and name',
  pair_asked: 'a program requested a key by device authorization',
  pair_answered: 'a person approved or denied such a request',
  share_created:
    'a share link was created, or a session was shared with an account: the id, mode, and expiry or account',
  share_changed: 'the mode of a share link was lowered: its id and new mode',
  share_revoked: 'a share link, or a share with an account, was revoked',
  user_disabled: 'an account was disabled: by which admin, or by the issuer and why',
  user_enabled: 'an account was enabled again: by which admin, or by the issuer',
  identity_linked: 'an account was given to the person of the issuer that has its address',
  role_changed: 'the issuer changed the role of an account: the new role',
  guest_spawn: 'an agent started a session in the turn of a guest: which guest and which share link',
  guest_stopped: 'a session or a turn of a guest was ended with their share link: which one, and why',
  join: 'a person opened a session: the mode; with `count`: the number of further joins within the window',
  input: 'a person sent an input: its command, not its text',
  command: 'a person sent a command: its name, not its arguments',
  delete: 'a session was deleted',
  notifications: 'a device or a webhook for notifications was added or removed: which one',
  refused: 'a request (401, 403, 421, 429) or a frame was refused: the code, and the path or frame',
  invitation_created: 'an admin created an invitation: its id and expiry',
  invitation_revoked: 'an admin revoked an invitation: its id',
  handover_created: 'a person created a link that signs another device in',
  lan_opened: 'the owner opened the gateway to the local network: the addresses',
  lan_closed: 'the owner closed the gateway to the local network',
  erased: 'a session or an account was erased: why, how many of each kind were removed, and the hash of its id',
  archived:
    'a session was written to an archive before it was erased: how many events and files, and the hash of its id',
  restored: 'a backup was restored into this installation: how many of each kind, and the hash of its log',
  retention_changed: 'an admin changed what is kept of the sessions of an account',
  runner_claimed: 'a host claimed a runner id that had no owner',
  runner_forgotten: 'an account forgot a runner: its id',
  runner_call:
    'a person asked a runner to change something: the method, and the path or the command; with `outcome`: it failed with this code',
  runner_refused: 'the connection of a host was refused: the reason',
  session_granted: 'a session was granted to a host: the epoch',
};

/** Returns the kinds of rows and what each records. */
export function auditTable(): string {
  return table(
    ['kind', 'what'],
    AUDIT_KINDS.map((kind) => [`\`${kind}\``, ROWS[kind]]),
  );
}

/** Returns the requests that a runner answers. */
export function runnerRequestsTable(): string {
  const kinds = { no: '', audited: 'yes', part: 'part' };
  return table(
    ['method', 'what', 'right', 'guests', 'changes', 'time', 'request', 'reply'],
    RUNNER_METHOD_NAMES.map((name) => {
      const spec = methodSpec(name);
      const { summary, right, guests, changes, timeoutMs, maxRequestBytes, maxReplyBytes } = spec;
      const notes = [spec.urgent ? ' (urgent)' : '', spec.gatewayOnly === true ? ' (gateways only)' : ''].join('');
      return [
        `\`${name}\`${notes}`,
        summary,
        right === undefined ? '' : `\`${right}\``,
        guests === undefined ? '' : `with \`${guests}\``,
        kinds[changes.kind],
        seconds(timeoutMs),
        `${maxRequestBytes / 1024} KiB`,
        `${maxReplyBytes / 1024} KiB`,
      ];
    }),
  );
}

const GATEWAY = 'services/gateway/src';
const AUTHENTICATOR = 'services/authenticator/src';
const HTTP = 'schemas/process/src/http/limits.ts';
const seconds = (ms: number): string => `${ms / 1_000} s`;
const minutes = (ms: number): string => `${ms / 60_000} min`;
const mebibytes = (n: number): string => `${n / 1024 / 1024} MiB`;
const days = (ms: number): string => `${ms / 86_400_000} d`;

/** Each limit: its description, the file and name of its constant, and the format of its value. */
const LIMITS: readonly [what: string, file: string, constant: string, unit: (value: number) => string][] = [
  [
    'attempts of a client, and of a device at an account that it has signed in to',
    `${GATEWAY}/accounts/rateLimits.ts`,
    'ATTEMPTS_PER_MINUTE',
    (n) => `${n} a minute`,
  ],
  [
    'factor on this for all other clients together, at one account',
    `${GATEWAY}/accounts/rateLimits.ts`,
    'ACCOUNT_FACTOR',
    String,
  ],
  ['time to receive the head of a request', HTTP, 'HEAD_MS', seconds],
  ['longest pause in a body without credentials', HTTP, 'BODY_STALL_MS', seconds],
  ['bytes of a body, on average, at least', HTTP, 'BODY_BYTES_PER_SECOND', (n) => `${n} a second`],
  ['connections of a client without credentials', HTTP, 'UNKNOWN_PER_CLIENT', String],
  ['nesting levels of a value from outside', 'schemas/protocol/src/nesting.ts', 'MAX_DEPTH', String],
  ['size of a body with a password', `${GATEWAY}/http/authRoutes.ts`, 'SMALL_BODY_BYTES', (n) => `${n / 1024} KiB`],
  ['lifetime of a login', `${GATEWAY}/auth/cookie.ts`, 'LOGIN_TTL_MS', days],
  [
    'lifetime of the cookie that marks a device',
    `${GATEWAY}/auth/deviceCookie.ts`,
    'DEVICE_TTL_S',
    (s) => days(s * 1_000),
  ],
  ['logins of an account; a further login ends the oldest', `${GATEWAY}/accounts/logins.ts`, 'MAX_LOGINS', String],
  ['keys of an account', `${GATEWAY}/accounts/keys.ts`, 'MAX_KEYS', String],
  ['lifetime of a code for device authorization', `${GATEWAY}/accounts/pairing.ts`, 'PAIR_TTL_MS', minutes],
  ['lifetime of a sign-in link', 'schemas/process/src/localAuth.ts', 'LINK_TTL_MS', minutes],
  ['lifetime of a share link, by default', `${GATEWAY}/http/shareRoutes.ts`, 'DEFAULT_SHARE_MS', days],
  ['lifetime of a share link, at most', `${GATEWAY}/auth/shareTokens.ts`, 'MAX_SHARE_MS', days],
  ['active share links of a session', `${GATEWAY}/auth/shareStore.ts`, 'MAX_LIVE_SHARES', String],
  ['open sockets of a share link, at one gateway', `${GATEWAY}/sockets/socketLimits.ts`, 'MAX_SOCKETS_OF_LINK', String],
  [
    'open sockets of guests from one address, at one gateway',
    `${GATEWAY}/sockets/socketLimits.ts`,
    'MAX_SOCKETS_OF_GUEST_ADDRESS',
    String,
  ],
  [
    'open sockets of a login or an API key, at one gateway',
    `${GATEWAY}/sockets/socketLimits.ts`,
    'MAX_SOCKETS_OF_CREDENTIAL',
    String,
  ],
  [
    'open sockets of an account, at one gateway',
    `${GATEWAY}/sockets/socketLimits.ts`,
    'MAX_SOCKETS_OF_ACCOUNT',
    String,
  ],
  ['connections to `/nats`, at one gateway', `${GATEWAY}/nats/tunnelLimits.ts`, 'MAX_TUNNELS', String],
  [
    'connections to `/nats` from one address, at one gateway',
    `${GATEWAY}/nats/tunnelLimits.ts`,
    'MAX_TUNNELS_OF_ADDRESS',
    String,
  ],
  [
    'connections to `/nats` from one address that are younger than 4 s',
    `${GATEWAY}/nats/tunnelLimits.ts`,
    'MAX_NEW_OF_ADDRESS',
    String,
  ],
  ['window that one `join` row covers', `${GATEWAY}/audit/joins.ts`, 'JOIN_WINDOW_MS', minutes],
  [
    'names and addresses of a share link with separate `join` rows in a window',
    `${GATEWAY}/audit/joins.ts`,
    'JOINS_TOLD_APART',
    String,
  ],
  ['devices for notifications of an account', 'schemas/protocol/src/notifications.ts', 'MAX_DEVICES', String],
  ['characters of the name of a guest', `${GATEWAY}/auth/requestAuthenticator.ts`, 'MAX_GUEST_NAME', String],
  [
    'audit rows for refusals, from one gateway',
    `${GATEWAY}/audit/denialAuditor.ts`,
    'REFUSALS_PER_SECOND',
    (n) => `${n} a second`,
  ],
  ['lifetime of an upload that no input refers to', 'schemas/backbone/src/blobStore.ts', 'UNUSED_BLOB_MS', days],
  ['size of a blob of a host', `${AUTHENTICATOR}/hostApiBlobs.ts`, 'MAX_BLOB_BYTES', mebibytes],
  ['size of an uploaded file', `${GATEWAY}/session/attachments.ts`, 'MAX_ATTACHMENT_BYTES', mebibytes],
  [
    'size of all incomplete blobs of an account when a further blob begins',
    `${AUTHENTICATOR}/hostApiBlobs.ts`,
    'PARTS_TO_BEGIN_BYTES',
    mebibytes,
  ],
  ['size of all incomplete blobs of an account', `${AUTHENTICATOR}/hostApiBlobs.ts`, 'PARTS_BYTES', mebibytes],
  ['concurrent host API requests of one authenticator', `${AUTHENTICATOR}/hostApi.ts`, 'MAX_AT_WORK', String],
  ['requests to runners in flight, at one gateway', `${GATEWAY}/runner/runnerCalls.ts`, 'MAX_CALLS_IN_FLIGHT', String],
  ['of these, those of one account', `${GATEWAY}/runner/runnerCalls.ts`, 'MAX_CALLS_OF_ACCOUNT', String],
  ['requests that a runner works on', 'clients/runner/src/daemon/rpc/dispatcher.ts', 'MAX_CALLS', String],
  ['terminals of a host', 'schemas/protocol/src/terminals.ts', 'MAX_TERMINALS', String],
  ['output that a terminal keeps', 'schemas/protocol/src/terminals.ts', 'TERMINAL_RING_BYTES', mebibytes],
  ['commands of people that run on a host', 'clients/runner/src/daemon/exec/commandRunner.ts', 'MAX_COMMANDS', String],
  [
    'output of a command that waits for its caller',
    'clients/runner/src/daemon/exec/runningCommand.ts',
    'MAX_WAITING_BYTES',
    mebibytes,
  ],
  ['time of a command, unless raised', 'schemas/protocol/src/runnerRpc/commands.ts', 'EXEC_TIMEOUT_MS', minutes],
  ['output of a command, unless raised', 'schemas/protocol/src/runnerRpc/commands.ts', 'EXEC_OUTPUT_BYTES', mebibytes],
  [
    'time after which a command without further requests is ended',
    'schemas/protocol/src/runnerRpc/commands.ts',
    'EXEC_ABANDONED_MS',
    seconds,
  ],
  [
    'sessions of one connection for sessions without a worker',
    `${AUTHENTICATOR}/permissions.ts`,
    'MAX_KEPT_SESSIONS',
    String,
  ],
];

export function limitsTable(): string {
  return table(
    ['what', 'limit'],
    LIMITS.map(([what, file, constant, unit]) => [what, unit(valueOf(file, constant))]),
  );
}

/** Returns the value of a constant that is a product of numbers. */
function valueOf(file: string, constant: string): number {
  const text = new RegExp(`const ${constant} = ([\\d_ *]+);`).exec(sourceOf(file))?.[1];
  if (text === undefined) throw new Error(`${file} has no number ${constant}`);
  return text.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}
