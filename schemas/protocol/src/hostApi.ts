import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { CodedError } from './codedError.js';
import { MAX_NAMED_GUESTS, type LinkEnd } from './guests.js';
import { ID_PATTERN, isId } from './ids.js';
import type { ShareMode } from './accounts.js';
import type { RunnerRight } from './runnerRpc/rights.js';

/**
 * The NATS logins of a runner's connections, and the host API: operations that a runner requests from the authenticator
 * because the runner's own connection has no permission for them (docs/protocol/security.md). The subject of a request
 * names the sender, because NATS permits no other login to publish on it.
 */

/**
 * `runner`: a daemon. `keeper` (historical wire name): the same daemon, for its suspended sessions. `session`: the
 * worker of one session.
 */
export type HostLogin = { kind: 'runner' | 'keeper'; rid: string } | { kind: 'session'; sid: string };

const idOf = (login: HostLogin): string => (login.kind === 'session' ? login.sid : login.rid);

/** A random inbox name: so long that no other runner can guess it. */
const INBOX_NAME = /^[A-Za-z0-9]{22,64}$/;

/**
 * Returns the `user` of a connection: `runner.<rid>`, `keeper.<rid>` or `session.<sid>`, followed by a dot and the name
 * of its inbox. Throws `invalid_id`.
 */
export function natsUserOf(login: HostLogin, inbox?: string): string {
  const id = idOf(login);
  if (!isId(id)) throw new CodedError('invalid_id', `"${String(id).slice(0, 80)}" is not an id`);
  return inbox === undefined ? `${login.kind}.${id}` : `${login.kind}.${id}.${inbox}`;
}

/** The inverse of `natsUserOf`. Total over any string. */
export function parseNatsUser(user: string): { login: HostLogin; inbox?: string } | undefined {
  const [kind, id, inbox, ...rest] = user.split('.');
  if (!isId(id) || rest.length > 0 || (inbox !== undefined && !INBOX_NAME.test(inbox))) return undefined;
  const inboxPart = inbox === undefined ? {} : { inbox };
  if (kind === 'session') return { login: { kind, sid: id }, ...inboxPart };
  return kind === 'runner' || kind === 'keeper' ? { login: { kind, rid: id }, ...inboxPart } : undefined;
}

/**
 * Returns the prefix of the subjects on which a connection of a runner receives replies. All runners share one NATS
 * account, and a runner can name any reply subject. A random inbox ensures that a runner receives no reply that another
 * runner redirects.
 */
export function inboxPrefixOf(login: HostLogin, inbox?: string): string {
  const own = `_INBOX_${login.kind}_${idOf(login)}`;
  return inbox === undefined ? own : `${own}.${inbox}`;
}

/**
 * Returns the password of a daemon's connections: its runner token, and the secret that proves that it is the same
 * runner.
 */
export const runnerPassword = (token: string, runnerSecret: string): string => `${token}.${runnerSecret}`;

/** The inverse of `runnerPassword`. */
export function parseRunnerPassword(password: string): { token: string; runnerSecret: string } | undefined {
  const at = password.indexOf('.');
  return at <= 0 ? undefined : { token: password.slice(0, at), runnerSecret: password.slice(at + 1) };
}

/** Request/reply subjects of the authenticator. */
export const hostApiSubjects = {
  runner: (rid: string) => deskSubject('runner', rid),
  session: (sid: string) => deskSubject('session', sid),
  /** From gateways: deletes the log of a session permanently, or erases a session or an account: `EraseRequest`. */
  purge: 'desk.purge',
} as const;

function deskSubject(kind: string, id: string): string {
  if (!isId(id)) throw new CodedError('invalid_id', `"${String(id).slice(0, 80)}" is not an id`);
  return `desk.${kind}.${id}`;
}

const Id = Type.String({ pattern: ID_PATTERN });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** What a gateway requests on `desk.purge` to erase a session or an account. Only who acts there may erase both. */
export const EraseRequest = Type.Object({
  erase: Type.Union([Type.Object({ sid: Id }), Type.Object({ userId: Id })]),
  /** Who asked: the account, and the address of the client. */
  asked: Type.Object({ by: Type.Optional(Type.String()), ip: Type.Optional(Type.String()) }),
});
export type EraseRequest = Static<typeof EraseRequest>;
export const isEraseRequest = checker(EraseRequest);

/** The requests of a runner. A daemon names the session; a worker can only act on its own session. */
export const HostApiRequest = Type.Union([
  /** Grants the session to this runner, with a new epoch. */
  Type.Object({ verb: Type.Literal('claim'), sid: Type.Optional(Id) }),
  /** Returns whether the log of the session holds the result of a command. */
  Type.Object({ verb: Type.Literal('has_result'), sid: Type.Optional(Id), commandId: Id }),
  /** Returns the offset, the epoch, the number and the message id of the last event of the session. */
  Type.Object({ verb: Type.Literal('last_event'), sid: Type.Optional(Id) }),
  /** Returns the lease of the session; without `sid`, the lease of the runner that sends the request. */
  Type.Object({ verb: Type.Literal('read_lease'), sid: Type.Optional(Id) }),
  /** Returns the version of the relay, to a daemon. */
  Type.Object({ verb: Type.Literal('relay'), sid: Type.Optional(Id) }),
  /** Returns the commands to the runner that sends the request, after an offset of their stream. */
  Type.Object({ verb: Type.Literal('commands_after'), after: Type.Integer({ minimum: 0 }), sid: Type.Optional(Id) }),
  /**
   * Returns the message ids of the session's log after an offset, in order: they show which spooled events were stored.
   */
  Type.Object({ verb: Type.Literal('ids_after'), sid: Type.Optional(Id), after: Type.Integer({ minimum: 0 }) }),
  /** Returns the offset before the message that is the entry `entryId` of pi's file. */
  Type.Object({ verb: Type.Literal('seq_before'), sid: Type.Optional(Id), entryId: Type.String({ maxLength: 256 }) }),
  /**
   * Stores a part of a blob. Parts are sent in order: `offset` is in bytes, `size` is that of the whole. The last part
   * is answered after the whole blob is stored and its SHA-256 matches.
   */
  Type.Object({
    verb: Type.Literal('put_blob'),
    sid: Type.Optional(Id),
    blob: Hash,
    mediaType: Type.String({ maxLength: 128 }),
    size: Type.Integer({ minimum: 1 }),
    offset: Type.Integer({ minimum: 0 }),
    bytes: Type.Unknown(),
  }),
  /** Returns the bytes of a blob from `offset` on, as many as one reply holds. */
  Type.Object({
    verb: Type.Literal('get_blob'),
    sid: Type.Optional(Id),
    blob: Hash,
    offset: Type.Integer({ minimum: 0 }),
  }),
  /** Returns the present rights of share links of the session's account. */
  Type.Object({
    verb: Type.Literal('link_modes'),
    sid: Type.Optional(Id),
    links: Type.Array(Type.Object({ shareId: Id, sessionId: Id }), { minItems: 1, maxItems: MAX_NAMED_GUESTS }),
  }),
]);
export type HostApiRequest = Static<typeof HostApiRequest>;
export const isHostApiRequest = checker(HostApiRequest);

/** What a writer must know about the last event before it appends. */
export interface LastEvent {
  seq: number;
  epoch: number;
  n: number;
  msgId: string;
  type: string;
}

/** A command as it is stored in its stream. */
export interface StoredCommand {
  seq: number;
  /** The encoded command. */
  bytes: Uint8Array;
}

/** The reply to each verb, or `refused`. */
export interface HostApiReplies {
  /** `grant` is the password of a connection as `session.<sid>`. */
  claim: { kind: 'granted'; epoch: number; userId: string; grant: string };
  has_result: { kind: 'answer'; found: boolean };
  /** `last` is missing when the log has no event of the session. */
  last_event: { kind: 'answer'; last?: LastEvent };
  /**
   * `revision` is the offset of the last write to the lease, 0 when there was none. The lease is free when `lease` is
   * missing.
   */
  read_lease: { kind: 'answer'; revision: number; lease?: { epoch: number; at: number } };
  /**
   * `wire`: the version of the wire that the relay speaks. `at`: its clock, in ms. `allow`: the rights of the runner's
   * token; missing: all.
   */
  relay: { kind: 'answer'; version: string; wire: number; at: number; allow?: RunnerRight[] };
  /**
   * In order, as many as one reply holds. When `more` is set, the caller repeats the request with `next`. `end` is the
   * last offset of the stream as far as the reply needs it.
   */
  commands_after: { kind: 'answer'; commands: StoredCommand[]; next: number; more: boolean; end: number };
  /** As many as one reply holds. When `next` is set there are more: repeat the request after that offset. */
  ids_after: { kind: 'answer'; ids: string[]; next?: number };
  seq_before: { kind: 'answer'; seq?: number };
  put_blob: { kind: 'answer'; stored: boolean };
  get_blob: { kind: 'answer'; size: number; mediaType: string; bytes: Uint8Array };
  /** One entry for each share link, in the order of the request. */
  link_modes: { kind: 'answer'; modes: LinkMode[] };
}
/** The rights of a share link beyond reading, or why it is read-only. */
export type LinkMode = Exclude<ShareMode, 'read'> | LinkEnd;
export type HostApiVerb = keyof HostApiReplies;
/** `erased`: the session was erased. The host drops what it still has to send. */
export type HostApiRefusal = { kind: 'refused'; code: string; message: string; erased?: true };

/** Bytes of a blob in one request or reply of the host API: far below the maximum size of a NATS message. */
export const HOST_API_PART_BYTES = 512 * 1024;
