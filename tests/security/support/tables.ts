import { readdirSync, readFileSync } from 'node:fs';
import { table } from '../../support/document.js';

/** Tables of PROTOCOL.md's chapter on security that are read out of the sources. */
const ROOT = new URL('../../../', import.meta.url);
const sourceOf = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8');

/** What each kind of row of the audit trail tells, beside when. */
const ROWS: Readonly<Record<string, string>> = {
  signup: 'an account was made, or asked for with an address that is taken',
  login: 'a browser was signed in: how, from where',
  login_failed: 'address or password was wrong',
  logout: 'a login was ended',
  password: 'an account has a new password',
  key_created: 'an API key or a runner token was made: its id and name',
  key_revoked: 'the same, revoked',
  pair_asked: 'a program asks for a key',
  pair_answered: 'somebody said yes or no to it',
  share_created: 'a link was made: its id, mode and end',
  share_changed: 'a link was taken back a step: its id and new mode',
  share_revoked: 'a link was revoked',
  user_disabled: 'an account was disabled, by whom',
  user_enabled: 'an account was enabled again, by whom',
  guest_spawn: 'an agent started a session in the turn of a guest: who, by which link',
  guest_stopped: 'a session or a turn of a guest was ended with their link: which, and why',
  join: 'somebody opened a session, with which mode; with `count`: how often again within the window',
  input: 'somebody sent input: its command, not its text',
  command: 'somebody sent a command: its name, not its arguments',
  delete: 'a session was deleted',
  notifications: 'a device or a webhook that is notified was added or removed: which',
  refused: 'a request (401, 403, 421, 429) or a frame was refused: code, path or frame',
  runner_claimed: 'a host came with a runner’s id that nobody had',
  runner_refused: 'a host was not let in: why',
  session_granted: 'a session was granted to a host, with which epoch',
};

/** The kinds of rows that the services write. Throws for one that is not described. */
export function auditTable(): string {
  const files = readdirSync(new URL('services/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((file) => /^[\w-]+\/src\/.*\.ts$/.test(file) && !/\.test\.ts$|\/testing\//.test(file))
    .map((file) => `services/${file}`);
  const written = files.flatMap((file) => {
    const calls = sourceOf(file).matchAll(/\b(?:trail|audit)\(([^,)]+),|\bkind: ('refused'),/g);
    return [...calls].flatMap((call) =>
      [...(call[1] ?? call[2] ?? '').matchAll(/'([a-z_]+)'/g)].map(([, kind]) => kind!),
    );
  });
  const undescribed = written.filter((kind) => ROWS[kind] === undefined);
  if (undescribed.length > 0) throw new Error(`rows that nobody has described: ${undescribed.join(', ')}`);
  const kinds = Object.keys(ROWS).filter((kind) => written.includes(kind));
  return table(
    ['kind', 'what'],
    kinds.map((kind) => [`\`${kind}\``, ROWS[kind]!]),
  );
}

const GATEWAY = 'services/gateway/src';
const AUTHENTICATOR = 'services/authenticator/src';
const HTTP = 'schemas/process/src/http/limits.ts';
const seconds = (ms: number): string => `${ms / 1_000} s`;
const minutes = (ms: number): string => `${ms / 60_000} min`;
const mebibytes = (n: number): string => `${n / 1024 / 1024} MiB`;
const days = (ms: number): string => `${ms / 86_400_000} d`;

/** What is bounded: the constant that says so, where it is, and how its value reads. */
const LIMITS: readonly [what: string, file: string, constant: string, unit: (value: number) => string][] = [
  [
    'attempts of a client, and of a device at an account that it once signed in to',
    `${GATEWAY}/accounts/limits.ts`,
    'ATTEMPTS_PER_MINUTE',
    (n) => `${n} a minute`,
  ],
  ['times that, of all other clients at one account', `${GATEWAY}/accounts/limits.ts`, 'ACCOUNT_FACTOR', String],
  ['time for the head of a request', HTTP, 'HEAD_MS', seconds],
  ['time that a body without credentials may stand still', HTTP, 'BODY_STALL_MS', seconds],
  ['bytes of a body, on average', HTTP, 'BODY_BYTES_PER_SECOND', (n) => `${n} a second`],
  ['connections of a client on which nobody has shown credentials', HTTP, 'UNKNOWN_PER_CLIENT', String],
  ['levels of a value from outside', 'schemas/protocol/src/nesting.ts', 'MAX_DEPTH', String],
  ['bytes of a body with a password', `${GATEWAY}/http/authRoutes.ts`, 'SMALL_BODY_BYTES', (n) => `${n / 1024} KiB`],
  ['life of a login', `${GATEWAY}/auth/cookie.ts`, 'LOGIN_TTL_MS', days],
  ['life of the mark of a device', `${GATEWAY}/auth/deviceCookie.ts`, 'DEVICE_TTL_S', (s) => days(s * 1_000)],
  ['logins of an account; one more ends the oldest', `${GATEWAY}/accounts/logins.ts`, 'MAX_LOGINS', String],
  ['keys of an account', `${GATEWAY}/accounts/keys.ts`, 'MAX_KEYS', String],
  ['life of a pairing code', `${GATEWAY}/accounts/pairing.ts`, 'PAIR_TTL_MS', minutes],
  ['life of a sign-in link', 'schemas/process/src/localAuth.ts', 'LINK_TTL_MS', minutes],
  ['life of a share link, by default', `${GATEWAY}/http/shareRoutes.ts`, 'DEFAULT_SHARE_MS', days],
  ['life of a share link, at most', `${GATEWAY}/auth/shareTokens.ts`, 'MAX_SHARE_MS', days],
  ['links of a session that live', `${GATEWAY}/auth/shareStore.ts`, 'MAX_LIVE_SHARES', String],
  ['open sockets of a link, at one gateway', `${GATEWAY}/sockets/socketLimits.ts`, 'MAX_SOCKETS_OF_LINK', String],
  [
    'the same, of guests from one address',
    `${GATEWAY}/sockets/socketLimits.ts`,
    'MAX_SOCKETS_OF_GUEST_ADDRESS',
    String,
  ],
  ['the same, of a login or an API key', `${GATEWAY}/sockets/socketLimits.ts`, 'MAX_SOCKETS_OF_CREDENTIAL', String],
  ['the same, of an account', `${GATEWAY}/sockets/socketLimits.ts`, 'MAX_SOCKETS_OF_ACCOUNT', String],
  ['time of which one `join` row tells', `${GATEWAY}/audit/joins.ts`, 'JOIN_WINDOW_MS', minutes],
  [
    'names and addresses of a link with `join` rows of their own then',
    `${GATEWAY}/audit/joins.ts`,
    'JOINS_TOLD_APART',
    String,
  ],
  ['devices of an account that are notified', 'schemas/protocol/src/notifications.ts', 'MAX_DEVICES', String],
  ['characters of a guest’s name', `${GATEWAY}/auth/credentials.ts`, 'MAX_GUEST_NAME', String],
  [
    'rows of refusals that one gateway writes',
    `${GATEWAY}/audit/refusals.ts`,
    'REFUSALS_PER_SECOND',
    (n) => `${n} a second`,
  ],
  ['life of an upload that no input takes up', 'schemas/backbone/src/blobStore.ts', 'UNUSED_BLOB_MS', days],
  ['bytes of a file of a host', `${AUTHENTICATOR}/deskBlobs.ts`, 'MAX_BLOB_BYTES', mebibytes],
  ['bytes of a file that is uploaded', `${GATEWAY}/session/attachments.ts`, 'MAX_ATTACHMENT_BYTES', mebibytes],
  [
    'bytes of parts of files of an account that wait when another file begins',
    `${AUTHENTICATOR}/deskBlobs.ts`,
    'PARTS_TO_BEGIN_BYTES',
    mebibytes,
  ],
  ['bytes of parts of files of an account that wait', `${AUTHENTICATOR}/deskBlobs.ts`, 'PARTS_BYTES', mebibytes],
  ['questions that one desk works on at once', `${AUTHENTICATOR}/desk.ts`, 'MAX_AT_WORK', String],
  ['sessions of a keeper’s connection', `${AUTHENTICATOR}/permissions.ts`, 'MAX_KEPT_SESSIONS', String],
];

export function limitsTable(): string {
  return table(
    ['what', 'limit'],
    LIMITS.map(([what, file, constant, unit]) => [what, unit(valueOf(file, constant))]),
  );
}

/** The value of a constant that is a product of numbers. */
function valueOf(file: string, constant: string): number {
  const text = new RegExp(`const ${constant} = ([\\d_ *]+);`).exec(sourceOf(file))?.[1];
  if (text === undefined) throw new Error(`${file} has no number ${constant}`);
  return text.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}
