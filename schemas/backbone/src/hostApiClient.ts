import { createHash } from 'node:crypto';
import {
  CodedError,
  decode,
  HOST_API_PART_BYTES,
  ERRORS,
  isErrorCode,
  isMap,
  type BlobRef,
  type HostApiRefusal,
  type HostApiReplies,
  type HostApiVerb,
  type ErrorCode,
  type GuestRef,
  type LinkMode,
} from '@pizzapi/protocol';
import { ANSWER_MS, questionOf, type Fields } from './askOnce.js';
import { RetryDelay } from './retryDelay.js';
import type { Blob } from './blobs.js';
import { internals, type Backbone } from './connection.js';
import { requestRpc } from './rpc.js';

/**
 * What a host asks of the authenticator, because its own connection may not read the log, the grants or the object
 * store (PROTOCOL.md, "Security"). Every question is asked again while nobody answers, with jittered pauses, until its
 * signal aborts; then it throws `unavailable`.
 */

/** How often a blob whose parts got lost on the other side is sent again from the start. */
const BLOB_TRIES = 3;

/** Who asks about which session: its runner's daemon, or its worker. */
export type SessionCaller = { kind: 'runner'; rid: string; sid: string } | { kind: 'session'; sid: string };

export interface HostApiOptions {
  signal?: AbortSignal;
}

export type GrantOutcome =
  /** `grant` is the password of a connection as `session.<sid>`. */
  | { kind: 'granted'; epoch: number; userId: string; grant: string }
  /** `fenced`: another host has the session now. */
  | { kind: 'refused'; code: ErrorCode; message: string; erased?: true };

/** Asks for the session, with a new epoch. */
export async function claimGrant(
  b: Backbone,
  caller: SessionCaller,
  options: HostApiOptions = {},
): Promise<GrantOutcome> {
  const answer = await ask(b, caller, 'claim', {}, options);
  return answer.kind === 'refused' ? { ...answer, code: codeOf(answer) } : answer;
}

/** Whether the session's log holds the result of a command. Throws what the authenticator refuses with. */
export async function hasResult(
  b: Backbone,
  caller: SessionCaller,
  commandId: string,
  options: HostApiOptions = {},
): Promise<boolean> {
  return granted(await ask(b, caller, 'has_result', { commandId }, options)).found;
}

/** The last offset before the message that is the entry `entryId` of pi's file, or undefined when none is. */
export async function seqBefore(
  b: Backbone,
  caller: SessionCaller,
  entryId: string,
  options: HostApiOptions = {},
): Promise<number | undefined> {
  return granted(await ask(b, caller, 'seq_before', { entryId }, options)).seq;
}

/** The message ids of the session's log after an offset, in order. */
export async function idsAfter(
  b: Backbone,
  caller: SessionCaller,
  after: number,
  options: HostApiOptions = {},
): Promise<string[]> {
  const all: string[] = [];
  for (let position: number | undefined = after; position !== undefined;) {
    const { ids, next }: HostApiReplies['ids_after'] = granted(
      await ask(b, caller, 'ids_after', { after: position }, options),
    );
    all.push(...ids);
    position = next;
  }
  return all;
}

/** What the links of guests allow now, one for each, in their order. */
export async function linkModes(
  b: Backbone,
  caller: SessionCaller,
  links: readonly Pick<GuestRef, 'shareId' | 'sessionId'>[],
  options: HostApiOptions = {},
): Promise<LinkMode[]> {
  if (links.length === 0) return [];
  const named = links.map(({ shareId, sessionId }) => ({ shareId, sessionId }));
  return granted(await ask(b, caller, 'link_modes', { links: named }, options)).modes;
}

/** Keeps bytes under their SHA-256 and says how an event refers to them. */
export async function putBlobVia(
  b: Backbone,
  caller: SessionCaller,
  bytes: Uint8Array,
  mediaType: string,
  options: HostApiOptions = {},
): Promise<BlobRef> {
  const blob = createHash('sha256').update(bytes).digest('hex');
  const size = bytes.byteLength;
  for (let attempt = 1; ; attempt++) {
    const failed = await sendParts(b, caller, { blob, mediaType, size }, bytes, options);
    if (failed === undefined) return { blob, size, mediaType };
    if (attempt === BLOB_TRIES) throw errorOf(failed);
  }
}

/** The bytes of a blob, checked against their hash, or undefined when it is not there for this session. */
export async function getBlobVia(
  b: Backbone,
  caller: SessionCaller,
  hash: string,
  options: HostApiOptions = {},
): Promise<Blob | undefined> {
  const parts: Uint8Array[] = [];
  for (let offset = 0; ;) {
    const answer = await ask(b, caller, 'get_blob', { blob: hash, offset }, options);
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
  caller: SessionCaller,
  head: { blob: string; mediaType: string; size: number },
  bytes: Uint8Array,
  options: HostApiOptions,
): Promise<HostApiRefusal | undefined> {
  for (let offset = 0; offset < head.size; offset += HOST_API_PART_BYTES) {
    const part = bytes.subarray(offset, offset + HOST_API_PART_BYTES);
    const answer = await ask(b, caller, 'put_blob', { ...head, offset, bytes: part }, options);
    if (answer.kind === 'refused' && answer.code === 'blob_not_found') return answer;
    if (granted(answer).stored) return undefined;
  }
  return { kind: 'refused', code: 'unavailable', message: 'The blob was not stored' };
}

async function ask<V extends HostApiVerb>(
  b: Backbone,
  caller: SessionCaller,
  verb: V,
  fields: Fields<V>,
  { signal }: HostApiOptions,
): Promise<HostApiReplies[V] | HostApiRefusal> {
  const connection = internals(b);
  const { subject, body } = questionOf(caller, verb, fields);
  const retry = new RetryDelay();
  while (signal?.aborted !== true && connection.status() !== 'closed') {
    await connection.connected(signal);
    const outcome = await requestRpc(b, subject, body, { timeoutMs: ANSWER_MS });
    const answer = outcome.kind === 'ok' ? decode(outcome.body) : undefined;
    if (isMap(answer) && typeof answer['kind'] === 'string' && !isPassing(answer)) {
      return answer as unknown as HostApiReplies[V] | HostApiRefusal;
    }
    await retry.wait(signal);
  }
  throw new CodedError('unavailable', `The authenticator did not answer (${verb})`);
}

/** The authenticator is there and the backbone behind it is not. */
const isPassing = ({ kind, code }: Record<string, unknown>): boolean => kind === 'refused' && code === 'unavailable';

function granted<A extends { kind: string }>(answer: A | HostApiRefusal): Exclude<A, HostApiRefusal> {
  if (answer.kind !== 'refused') return answer as Exclude<A, HostApiRefusal>;
  throw errorOf(answer as HostApiRefusal);
}

/** The refusal as an error; the advice that belongs to the code is in both only once. */
function errorOf(refusal: HostApiRefusal): CodedError {
  const code = codeOf(refusal);
  const { hint } = ERRORS[code];
  const { message } = refusal;
  return new CodedError(code, message.endsWith(hint) ? message.slice(0, -hint.length).trimEnd() || undefined : message);
}

const codeOf = ({ code }: { code: string }): ErrorCode => (isErrorCode(code) ? code : 'internal');
