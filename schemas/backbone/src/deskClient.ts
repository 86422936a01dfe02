import { createHash } from 'node:crypto';
import {
  CodedError,
  decode,
  DESK_PART_BYTES,
  deskSubjects,
  encode,
  ERRORS,
  isErrorCode,
  isMap,
  type BlobRef,
  type DeskRefusal,
  type DeskReplies,
  type DeskRequest,
  type DeskVerb,
  type ErrorCode,
  type GuestRef,
  type LinkMode,
} from '@pizzapi/protocol';
import { Retry } from './backoff.js';
import type { Blob } from './blobs.js';
import { inside, type Backbone } from './connection.js';
import { requestRpc } from './rpc.js';

/**
 * What a host asks of the authenticator, because its own connection may not read the log, the grants or the object
 * store (PROTOCOL.md, "Security"). Every question is asked again while nobody answers, with jittered pauses, until its
 * signal aborts; then it throws `unavailable`.
 */

/** How long one question may take until it is asked again, in ms. */
const ANSWER_MS = 5_000;
/** How often a blob whose parts got lost on the other side is sent again from the start. */
const BLOB_TRIES = 3;

/** Who asks about which session: its runner's daemon, or its worker. */
export type DeskAsker = { kind: 'runner'; rid: string; sid: string } | { kind: 'session'; sid: string };

export interface DeskOptions {
  signal?: AbortSignal;
}

export type GrantOutcome =
  /** `grant` is the password of a connection as `session.<sid>`. */
  | { kind: 'granted'; epoch: number; userId: string; grant: string }
  /** `fenced`: another host has the session now. */
  | { kind: 'refused'; code: ErrorCode; message: string };

/** Asks for the session, with a new epoch. */
export async function claimGrant(b: Backbone, asker: DeskAsker, options: DeskOptions = {}): Promise<GrantOutcome> {
  const answer = await ask(b, asker, 'claim', {}, options);
  return answer.kind === 'refused' ? { ...answer, code: codeOf(answer) } : answer;
}

/** Whether the session's log holds the result of a command. Throws what the authenticator refuses with. */
export async function hasResult(
  b: Backbone,
  asker: DeskAsker,
  commandId: string,
  options: DeskOptions = {},
): Promise<boolean> {
  return granted(await ask(b, asker, 'has_result', { commandId }, options)).found;
}

/** The last offset before the message that is the entry `entryId` of pi's file, or undefined when none is. */
export async function seqBefore(
  b: Backbone,
  asker: DeskAsker,
  entryId: string,
  options: DeskOptions = {},
): Promise<number | undefined> {
  return granted(await ask(b, asker, 'seq_before', { entryId }, options)).seq;
}

/** The message ids of the session's log after an offset, in order. */
export async function idsAfter(
  b: Backbone,
  asker: DeskAsker,
  after: number,
  options: DeskOptions = {},
): Promise<string[]> {
  const all: string[] = [];
  for (let position: number | undefined = after; position !== undefined;) {
    const { ids, next }: DeskReplies['ids_after'] = granted(
      await ask(b, asker, 'ids_after', { after: position }, options),
    );
    all.push(...ids);
    position = next;
  }
  return all;
}

/** What the links of guests allow now, one for each, in their order. */
export async function linkModes(
  b: Backbone,
  asker: DeskAsker,
  links: readonly Pick<GuestRef, 'shareId' | 'sessionId'>[],
  options: DeskOptions = {},
): Promise<LinkMode[]> {
  if (links.length === 0) return [];
  const named = links.map(({ shareId, sessionId }) => ({ shareId, sessionId }));
  return granted(await ask(b, asker, 'link_modes', { links: named }, options)).modes;
}

/** Keeps bytes under their SHA-256 and says how an event refers to them. */
export async function putBlobVia(
  b: Backbone,
  asker: DeskAsker,
  bytes: Uint8Array,
  mediaType: string,
  options: DeskOptions = {},
): Promise<BlobRef> {
  const blob = createHash('sha256').update(bytes).digest('hex');
  const size = bytes.byteLength;
  for (let attempt = 1; ; attempt++) {
    const failed = await sendParts(b, asker, { blob, mediaType, size }, bytes, options);
    if (failed === undefined) return { blob, size, mediaType };
    if (attempt === BLOB_TRIES) throw errorOf(failed);
  }
}

/** The bytes of a blob, checked against their hash, or undefined when it is not there for this session. */
export async function getBlobVia(
  b: Backbone,
  asker: DeskAsker,
  hash: string,
  options: DeskOptions = {},
): Promise<Blob | undefined> {
  const parts: Uint8Array[] = [];
  for (let offset = 0; ;) {
    const answer = await ask(b, asker, 'get_blob', { blob: hash, offset }, options);
    if (answer.kind === 'refused' && answer.code === 'blob_not_found') return undefined;
    const { size, mediaType, bytes } = granted(answer);
    parts.push(bytes);
    offset += bytes.byteLength;
    if (offset < size && bytes.byteLength > 0) continue;
    const whole = Buffer.concat(parts);
    if (createHash('sha256').update(whole).digest('hex') !== hash) return undefined;
    return { bytes: whole, mediaType, size: whole.byteLength };
  }
}

/** Sends a blob part by part; the refusal of one that did not find the parts before it, else undefined. */
async function sendParts(
  b: Backbone,
  asker: DeskAsker,
  head: { blob: string; mediaType: string; size: number },
  bytes: Uint8Array,
  options: DeskOptions,
): Promise<DeskRefusal | undefined> {
  for (let offset = 0; offset < head.size; offset += DESK_PART_BYTES) {
    const part = bytes.subarray(offset, offset + DESK_PART_BYTES);
    const answer = await ask(b, asker, 'put_blob', { ...head, offset, bytes: part }, options);
    if (answer.kind === 'refused' && offset > 0) return answer;
    if (granted(answer).stored) return undefined;
  }
  return { kind: 'refused', code: 'unavailable', message: 'The blob was not stored' };
}

type Fields<V extends DeskVerb> = Omit<Extract<DeskRequest, { verb: V }>, 'verb' | 'sid'>;

async function ask<V extends DeskVerb>(
  b: Backbone,
  asker: DeskAsker,
  verb: V,
  fields: Fields<V>,
  { signal }: DeskOptions,
): Promise<DeskReplies[V] | DeskRefusal> {
  const connection = inside(b);
  const { subject, body } = questionOf(asker, verb, fields);
  const retry = new Retry();
  while (signal?.aborted !== true && connection.status() !== 'closed') {
    await connection.connected(signal);
    const outcome = await requestRpc(b, subject, body, { timeoutMs: ANSWER_MS });
    const answer = outcome.kind === 'ok' ? decode(outcome.body) : undefined;
    if (isMap(answer) && typeof answer['kind'] === 'string' && !isPassing(answer)) {
      return answer as unknown as DeskReplies[V] | DeskRefusal;
    }
    await retry.wait(signal);
  }
  throw new CodedError('unavailable', `The authenticator did not answer (${verb})`);
}

function questionOf(asker: DeskAsker, verb: DeskVerb, fields: object): { subject: string; body: Uint8Array } {
  const subject = asker.kind === 'runner' ? deskSubjects.runner(asker.rid) : deskSubjects.session(asker.sid);
  return { subject, body: encode({ verb, sid: asker.sid, ...fields }) };
}

/** The authenticator is there and the backbone behind it is not. */
const isPassing = ({ kind, code }: Record<string, unknown>): boolean => kind === 'refused' && code === 'unavailable';

function granted<A extends { kind: string }>(answer: A | DeskRefusal): Exclude<A, DeskRefusal> {
  if (answer.kind !== 'refused') return answer as Exclude<A, DeskRefusal>;
  throw errorOf(answer as DeskRefusal);
}

/** The refusal as an error; the advice that belongs to the code is in both only once. */
function errorOf(refusal: DeskRefusal): CodedError {
  const code = codeOf(refusal);
  const { hint } = ERRORS[code];
  const { message } = refusal;
  return new CodedError(code, message.endsWith(hint) ? message.slice(0, -hint.length).trimEnd() || undefined : message);
}

const codeOf = ({ code }: { code: string }): ErrorCode => (isErrorCode(code) ? code : 'internal');
