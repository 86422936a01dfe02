import { inside, type Backbone } from './connection.js';
import { headerText, payloadOf, statusOf } from './message.js';

export type RpcOutcome = { kind: 'ok'; body: Uint8Array } | { kind: 'timeout' } | { kind: 'no_responders' };

/**
 * Answers requests on a subject until the returned function is called. A handler that throws answers nothing: the
 * asker's time-out tells, and the log has the error.
 */
export function serveRpc(
  b: Backbone,
  subject: string,
  handler: (body: Uint8Array, subject: string) => Promise<Uint8Array> | Uint8Array,
): () => void {
  const { nc, log } = inside(b);
  const sub = nc.subscribe(subject, {
    callback: (err, msg) => {
      if (err !== null || !msg.reply) return;
      void (async () => handler(payloadOf(msg), msg.subject))().then(
        (body) => nc.isClosed() || msg.respond(body),
        (error: unknown) => log.error({ err: error, subject }, 'request failed'),
      );
    },
  });
  return () => void (nc.isClosed() || sub.unsubscribe());
}

/** Asks and waits for the first answer. `no_responders` comes at once when nobody serves the subject. */
export function requestRpc(
  b: Backbone,
  subject: string,
  body: Uint8Array,
  { timeoutMs }: { timeoutMs: number },
): Promise<RpcOutcome> {
  const { mux } = inside(b);
  if (b.status() !== 'connected') return Promise.resolve({ kind: 'timeout' });
  return new Promise((resolve) => {
    const token = mux.request(subject, body, undefined, timeoutMs, (reply) => {
      mux.done(token);
      if (reply === undefined) resolve({ kind: 'timeout' });
      else if (statusOf(headerText(reply)) === 503) resolve({ kind: 'no_responders' });
      else resolve({ kind: 'ok', body: payloadOf(reply) });
    });
  });
}
