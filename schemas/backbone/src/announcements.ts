import { internals, type Backbone } from './connection.js';
import { payloadOf } from './message.js';

/** Publishes a message to all processes that read the subject now. It is not stored: others never receive it. */
export function announce(b: Backbone, subject: string, body: Uint8Array): void {
  const { nc } = internals(b);
  if (!nc.isClosed()) nc.publish(subject, body);
}

/** Calls `onBody` with each message that is announced on a subject, own ones included. Returns a function that stops it. */
export function readAnnouncements(b: Backbone, subject: string, onBody: (body: Uint8Array) => void): () => void {
  const { nc, log } = internals(b);
  const sub = nc.subscribe(subject, {
    callback: (err, msg) => {
      if (err !== null) return;
      try {
        onBody(payloadOf(msg));
      } catch (error) {
        log.error({ err: error, subject }, 'an announcement could not be handled');
      }
    },
  });
  return () => void (nc.isClosed() || sub.unsubscribe());
}
