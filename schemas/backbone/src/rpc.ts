import type { Msg } from '@nats-io/nats-core';
import { internals, type Backbone } from './connection.js';
import { HEADER } from '@pizzapi/protocol';
import { headerText, payloadOf, statusOf, writeHeaders } from './message.js';

export type RpcOutcome = { kind: 'ok'; body: Uint8Array } | { kind: 'timeout' } | { kind: 'no_responders' };

export interface ServeOptions {
  /** Of all that serve a subject in one group, one gets each request. */
  queue?: string;
  /** Which account's subject: that of the logs, where hosts are, or that of the state. */
  account?: 'log' | 'state';
}

/** Where replies to a question go: from clients, from the server itself, and from another account. */
const INBOX = /^((\$SYS\.)?_INBOX|_R_\.)/;
/** The server adds one header to a question from another account. */
const ONLY_ASKED = /^(NATS\/1\.0\r\n(Nats-Request-Info: [^\r\n]*\r\n)?\r\n)?$/;
/** An answer has a header, so that it is no piece of a session, whatever reply subject the caller named. */
const ANSWER = writeHeaders([[HEADER.type, 'answer']]);

/**
 * Answers requests on a subject until the returned function is called. A handler that throws answers nothing: the
 * asker's time-out tells, and the log has the error. One that returns nothing leaves the answer to others.
 */
export function serveRpc(
  b: Backbone,
  subject: string,
  handler: (body: Uint8Array, subject: string) => Promise<Uint8Array | undefined> | Uint8Array | undefined,
  { queue, account = 'log' }: ServeOptions = {},
): () => void {
  const { nc, log } = account === 'log' ? internals(b) : internals(b).stateConnection;
  const sub = nc.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback: (err, msg) => {
      if (err !== null || !isQuestion(msg)) return;
      void (async () => handler(payloadOf(msg), msg.subject))().then(
        (body) => body === undefined || nc.isClosed() || msg.respond(body, { headers: ANSWER }),
        (error: unknown) => log.error({ err: error, subject }, 'request failed'),
      );
    },
  });
  return () => void (nc.isClosed() || sub.unsubscribe());
}

/**
 * A question wants its answer in an inbox, and has no headers of its own. A client may name any subject for its replies:
 * the answer must not be written to a stream in our name, and a stored message that the server sends on must not pass
 * for a question.
 */
function isQuestion(msg: Msg): boolean {
  return msg.reply !== undefined && INBOX.test(msg.reply) && ONLY_ASKED.test(headerText(msg));
}

/**
 * Asks and waits for the first answer. `no_responders` comes at once when nobody serves the subject. `signal` ends the wait, as a
 * time-out does.
 */
export function requestRpc(
  b: Backbone,
  subject: string,
  body: Uint8Array,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<RpcOutcome> {
  const { mux } = internals(b);
  if (b.status() !== 'connected' || signal?.aborted === true) return Promise.resolve({ kind: 'timeout' });
  return new Promise((resolve) => {
    const onAbort = (): void => {
      mux.done(token);
      resolve({ kind: 'timeout' });
    };
    const token = mux.request(subject, body, undefined, timeoutMs, (reply) => {
      mux.done(token);
      signal?.removeEventListener('abort', onAbort);
      if (reply === undefined) resolve({ kind: 'timeout' });
      else if (statusOf(headerText(reply)) === 503) resolve({ kind: 'no_responders' });
      else resolve({ kind: 'ok', body: payloadOf(reply) });
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Measures the round trip to nats-server, in ms. When it resolves, the server has all that was published before it.
 * Undefined while the server does not answer within `timeoutMs`.
 */
export async function roundTrip(b: Backbone, timeoutMs: number): Promise<number | undefined> {
  const { nc } = internals(b);
  if (b.status() !== 'connected') return undefined;
  const begun = performance.now();
  const answered = nc.flush().then(
    () => performance.now() - begun,
    () => undefined,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), timeoutMs)));
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}

/** Asks everybody who listens; the answers that come, the first within `firstMs`, until none has come for `quietMs`. */
export function askAll(
  b: Backbone,
  subject: string,
  body: Uint8Array,
  { firstMs, quietMs }: { firstMs: number; quietMs: number },
): Promise<Uint8Array[]> {
  const { mux } = internals(b);
  if (b.status() !== 'connected') return Promise.resolve([]);
  return new Promise((resolve) => {
    const answers: Uint8Array[] = [];
    const hear = (reply: Msg | undefined): void => {
      if (reply !== undefined && statusOf(headerText(reply)) === 0) return void answers.push(payloadOf(reply));
      mux.done(token);
      resolve(answers);
    };
    const token = mux.request(subject, body, undefined, firstMs, hear, quietMs);
  });
}
