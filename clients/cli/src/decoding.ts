// `nats sub --translate` starts this program for every message, so it loads only the codec of the protocol.
import { decodeMany } from '@pizzapi/protocol/codec';
import { errorInfo } from '@pizzapi/protocol/errors';
import { Failure, line, safeJson, type Io } from './io.js';

/** Decodes all of stdin and prints lines of JSON on stdout. Throws `bad_frame`. */
export async function decodeInput(io: Pick<Io, 'stdin' | 'stdout'>): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
  for (const json of jsonLines(Buffer.concat(chunks))) line(io.stdout, safeJson(json));
}

/**
 * Returns the values in `bytes`, each as a line of JSON. The bytes are msgpack values in sequence, or already JSON
 * (headers of a keep-alive, a person's own test). Returns nothing for empty input. Throws `bad_frame` for anything
 * else.
 */
export function jsonLines(bytes: Uint8Array): string[] {
  if (bytes.byteLength === 0) return [];
  const json = asJson(bytes);
  if (json !== undefined) return [json];
  try {
    return decodeMany(bytes).map((value) => JSON.stringify(value, readable));
  } catch {
    throw new Failure(errorInfo('bad_frame', `These ${bytes.byteLength} bytes are not msgpack and not JSON`));
  }
}

/**
 * Returns a text that is JSON of more than a number, or undefined. As msgpack its first byte would be a small number, followed by
 * more bytes.
 */
function asJson(bytes: Uint8Array): string | undefined {
  if (!'{["'.includes(String.fromCharCode(bytes[0]!))) return undefined;
  try {
    return JSON.stringify(JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

/**
 * Replaces bytes by base64 in `JSON.stringify`. Reads them from their holder, because `toJSON` of Node's buffers has
 * already converted `value`.
 */
function readable(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Uint8Array ? Buffer.from(held).toString('base64') : value;
}
