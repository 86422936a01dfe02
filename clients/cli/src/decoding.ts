// Run once for every message by `nats sub --translate`: it loads the codec and nothing else of the protocol.
import { decodeMany } from '@pizzapi/protocol/codec';
import { errorInfo } from '@pizzapi/protocol/errors';
import { Failure, line, type Io } from './io.js';

/** All of stdin as lines of JSON on stdout. Throws `bad_frame`. */
export async function decodeInput(io: Pick<Io, 'stdin' | 'stdout'>): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
  for (const json of jsonLines(Buffer.concat(chunks))) line(io.stdout, json);
}

/**
 * The values in `bytes`, a line of JSON each: msgpack values one after another, or what is JSON already (headers of a
 * keep-alive, a person's own test). Nothing gives nothing. Throws `bad_frame` for anything else.
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

/** A text that is JSON of more than a number: in msgpack its first byte would be a small number with a lot behind it. */
function asJson(bytes: Uint8Array): string | undefined {
  if (!'{["'.includes(String.fromCharCode(bytes[0]!))) return undefined;
  try {
    return JSON.stringify(JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

/** Bytes as base64. Asked of the holder, for Node's buffers have turned themselves into something else by then. */
function readable(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const held = this[key];
  return held instanceof Uint8Array ? Buffer.from(held).toString('base64') : value;
}
