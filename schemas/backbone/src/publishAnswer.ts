import type { Msg, MsgHdrs } from '@nats-io/nats-core';
import type { LatencyCounts } from '@pizzapi/process';
import { headerText, payloadOf, statusOf } from './message.js';
import type { Mux } from './mux.js';

/** How long an acknowledgement may take, in ms. */
export const ACK_TIMEOUT_MS = 5_000;

/** The server's code for "the last message of the subject is not the one you said". */
const WRONG_LAST = 10071;
/**
 * The codes with which the leader of a replicated stream refuses a message because another one of the same subject, or with
 * the same message id, is not stored on a majority yet. They say nothing about what will be stored.
 */
const IN_HAND: readonly number[] = [10164, 10158];
/** The status of "no leader", as a header and as an error. */
const UNAVAILABLE_STATUS = 503;

/** What became of a message sent to a stream. */
export type PublishOutcome =
  /** `isResent`: it was sent several times, so that a duplicate may be the message itself. */
  | { kind: 'stored'; seq: number; duplicate: boolean; isResent?: true }
  /** Another message was stored on the subject in between, or has been in hand for long. */
  | { kind: 'conflict' }
  /** No connection, no leader, no room or no answer in time. `isUncertain`: the server may have stored the message. */
  | { kind: 'unavailable'; reason: string; isUncertain?: boolean };

/** What one answer says. On a cluster `in_hand` and `no_leader` pass; a single server does not answer so. */
export type PublishAnswer = PublishOutcome | { kind: 'in_hand' } | { kind: 'no_leader'; reason: string };

/** A message on its way to a stream. */
export interface PublishJob {
  subject: string;
  payload: Uint8Array;
  headers: MsgHdrs;
  resolve: (outcome: PublishOutcome) => void;
  /** When the publisher took it, by `performance.now()`; 0 before. */
  since: number;
}

/** What a publisher needs of its connection. */
export interface Link {
  readonly mux: Mux;
  readonly isClustered: boolean;
  readonly counters: { readonly appends: LatencyCounts; appendsFailed: number };
  answered(kind: 'write'): void;
  unanswered(kind: 'write', from: number): void;
  status(): string;
}

export const OUT_OF_REACH: PublishOutcome = { kind: 'unavailable', reason: 'disconnected' };
export const NO_ANSWER: PublishOutcome = { kind: 'unavailable', reason: 'no answer', isUncertain: true };
export const CUT_OFF: PublishOutcome = { kind: 'unavailable', reason: 'disconnected', isUncertain: true };
const NO_STREAM: PublishAnswer = { kind: 'no_leader', reason: 'no stream listens' };

interface Ack {
  seq?: number;
  duplicate?: boolean;
  error?: { code: number; err_code?: number; description?: string };
}

/** Reads the answer of a stream to one message. */
export function answerOf(reply: Msg): PublishAnswer {
  if (statusOf(headerText(reply)) !== 0) return NO_STREAM;
  const bytes = payloadOf(reply);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const { error, seq = 0, duplicate } = JSON.parse(text) as Ack;
  if (error === undefined) return { kind: 'stored', seq, duplicate: duplicate === true };
  const code = error.err_code ?? 0;
  if (code === WRONG_LAST) return { kind: 'conflict' };
  if (IN_HAND.includes(code)) return { kind: 'in_hand' };
  const reason = `${code || error.code} ${error.description ?? ''}`.trim();
  return { kind: error.code === UNAVAILABLE_STATUS ? 'no_leader' : 'unavailable', reason };
}

/** Returns what an answer means for who sends a message once. */
export function finalOutcome(answer: PublishAnswer): PublishOutcome {
  if (answer.kind === 'in_hand') return { kind: 'conflict' };
  return answer.kind === 'no_leader' ? { kind: 'unavailable', reason: answer.reason } : answer;
}
