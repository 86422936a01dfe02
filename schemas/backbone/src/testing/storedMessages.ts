import { internals, type Backbone, type BackboneConnection } from '../connection.js';
import { messagesOn } from '../erasure/messageRemoval.js';

/** One message of a stream or a bucket, as the server has it. */
export interface RawMessage {
  stream: string;
  seq: number;
  subject: string;
  /** The headers as text. */
  headers: string;
  payload: Uint8Array;
}

/** Yields every message of every stream, bucket and object store of an installation, in all its accounts. */
export async function* everyStoredMessage(admin: Backbone): AsyncGenerator<RawMessage, void, void> {
  const log = internals(admin);
  for (const connection of new Set<BackboneConnection>([log, log.stateConnection])) {
    for await (const { config } of connection.jsm.streams.list()) {
      for await (const message of messagesOn(connection, config.name, '>')) {
        const { seq, subject, text, payload } = message;
        yield { stream: config.name, seq, subject, headers: text, payload };
      }
    }
  }
}

/** Where a text occurs in what is stored: in a payload, a header or a subject. */
export async function placesOf(admin: Backbone, text: string): Promise<string[]> {
  const places: string[] = [];
  for await (const { stream, subject, headers, payload } of everyStoredMessage(admin))
    if (subject.includes(text) || headers.includes(text) || Buffer.from(payload).includes(text))
      places.push(`${stream} ${subject}`);
  return places;
}
