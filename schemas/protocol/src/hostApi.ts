import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { CodedError } from './errors.js';
import { MAX_NAMED_GUESTS, type LinkEnd } from './guests.js';
import { ID_PATTERN, isId } from './ids.js';
import type { ShareMode } from './accounts.js';

/**
 * How a host's connections to NATS say who they are, and what a host asks of the authenticator because its own
 * connection may not do it (PROTOCOL.md, "Security"). The subject of a question says who asks: NATS lets nobody else
 * publish on it.
 */

/**
 * `runner`: a daemon. `keeper`: the same daemon, for those of its sessions that have no worker. `session`: the worker of
 * one session.
 */
export type HostLogin = { kind: 'runner' | 'keeper'; rid: string } | { kind: 'session'; sid: string };

const idOf = (login: HostLogin): string => (login.kind === 'session' ? login.sid : login.rid);

/** A random name of an inbox: long enough that no other host can guess it. */
const INBOX_NAME = /^[A-Za-z0-9]{22,64}$/;

/**
 * The `user` of a host's connection: `runner.<rid>`, `keeper.<rid>` or `session.<sid>`, and behind a dot the name of its
 * inbox. Throws `invalid_id`.
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
  const named = inbox === undefined ? {} : { inbox };
  if (kind === 'session') return { login: { kind, sid: id }, ...named };
  return kind === 'runner' || kind === 'keeper' ? { login: { kind, rid: id }, ...named } : undefined;
}

/**
 * The prefix of the subjects on which a host's connection receives its replies. All hosts share one account, and a host may
 * name any reply subject: a host that chooses a random inbox receives no reply that another host redirects.
 */
export function inboxPrefixOf(login: HostLogin, inbox?: string): string {
  const own = `_INBOX_${login.kind}_${idOf(login)}`;
  return inbox === undefined ? own : `${own}.${inbox}`;
}

/** The password of a daemon's connections: its runner token, and the secret that proves it is the same host as before. */
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
  /** From gateways: deletes the log of a session for good. */
  purge: 'desk.purge',
} as const;

function deskSubject(kind: string, id: string): string {
  if (!isId(id)) throw new CodedError('invalid_id', `"${String(id).slice(0, 80)}" is not an id`);
  return `desk.${kind}.${id}`;
}

const Id = Type.String({ pattern: ID_PATTERN });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** What a host asks. A daemon names the session; a worker can only mean its own. */
export const HostApiRequest = Type.Union([
  /** Grants the session to this host, with a new epoch. */
  Type.Object({ verb: Type.Literal('claim'), sid: Type.Optional(Id) }),
  /** Whether the session's log holds the result of a command. */
  Type.Object({ verb: Type.Literal('has_result'), sid: Type.Optional(Id), commandId: Id }),
  /** The place of the session's last event: offset, epoch, number and message id. */
  Type.Object({ verb: Type.Literal('last_event'), sid: Type.Optional(Id) }),
  /** The lease of the session; without `sid` that of the runner that asks. */
  Type.Object({ verb: Type.Literal('read_lease'), sid: Type.Optional(Id) }),
  /** The commands to the runner that asks, after an offset of their stream. */
  Type.Object({ verb: Type.Literal('commands_after'), after: Type.Integer({ minimum: 0 }), sid: Type.Optional(Id) }),
  /** The message ids of the session's log after an offset, in order: tells which spooled events got there. */
  Type.Object({ verb: Type.Literal('ids_after'), sid: Type.Optional(Id), after: Type.Integer({ minimum: 0 }) }),
  /** The offset before the message that is the entry `entryId` of pi's file. */
  Type.Object({ verb: Type.Literal('seq_before'), sid: Type.Optional(Id), entryId: Type.String({ maxLength: 256 }) }),
  /**
   * A part of a blob, in order: `offset` in bytes, `size` of the whole. The last part is answered when the whole is
   * stored and its SHA-256 is right.
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
  /** Bytes of a blob from `offset` on, as many as one answer holds. */
  Type.Object({
    verb: Type.Literal('get_blob'),
    sid: Type.Optional(Id),
    blob: Hash,
    offset: Type.Integer({ minimum: 0 }),
  }),
  /** What the links of guests allow now: of links of the session's account. */
  Type.Object({
    verb: Type.Literal('link_modes'),
    sid: Type.Optional(Id),
    links: Type.Array(Type.Object({ shareId: Id, sessionId: Id }), { minItems: 1, maxItems: MAX_NAMED_GUESTS }),
  }),
]);
export type HostApiRequest = Static<typeof HostApiRequest>;
export const isHostApiRequest = checker(HostApiRequest);

/** What a writer must know of the event before its own. */
export interface LastEvent {
  seq: number;
  epoch: number;
  n: number;
  msgId: string;
  type: string;
}

/** A command as its stream holds it. */
export interface StoredCommand {
  seq: number;
  /** Not decoded. */
  bytes: Uint8Array;
}

/** The answer to each verb, or `refused`. */
export interface HostApiReplies {
  /** `grant` is the password of a connection as `session.<sid>`. */
  claim: { kind: 'granted'; epoch: number; userId: string; grant: string };
  has_result: { kind: 'answer'; found: boolean };
  /** Without `last` the log has no event of the session. */
  last_event: { kind: 'answer'; last?: LastEvent };
  /** `revision` is the offset of the last write to the lease, 0 when there was none; without `lease` it is free. */
  read_lease: { kind: 'answer'; revision: number; lease?: { epoch: number; at: number } };
  /**
   * In order, as many as one answer holds; with `more` the caller asks again, after `next`. `end` is the last offset of
   * the stream as far as the answer needs it.
   */
  commands_after: { kind: 'answer'; commands: StoredCommand[]; next: number; more: boolean; end: number };
  /** As many as one answer holds; with `next` there are more: ask again, after that offset. */
  ids_after: { kind: 'answer'; ids: string[]; next?: number };
  seq_before: { kind: 'answer'; seq?: number };
  put_blob: { kind: 'answer'; stored: boolean };
  get_blob: { kind: 'answer'; size: number; mediaType: string; bytes: Uint8Array };
  /** One for each link, in their order. */
  link_modes: { kind: 'answer'; modes: LinkMode[] };
}
/** What a link allows beside watching, or why it allows no more than that. */
export type LinkMode = Exclude<ShareMode, 'read'> | LinkEnd;
export type HostApiVerb = keyof HostApiReplies;
export type HostApiRefusal = { kind: 'refused'; code: string; message: string };

/** Bytes of a blob in one question or answer of the desk: well below what a NATS message may hold. */
export const HOST_API_PART_BYTES = 512 * 1024;
