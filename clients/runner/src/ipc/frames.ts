import { CodedError, concat, decode, encode } from '@pizzapi/protocol';

/** No message between daemon and worker is larger than this, in bytes. */
export const MAX_IPC_MESSAGE = 16 * 1024 * 1024;
const HEAD = 4;

/** A message as it is on the socket: its length in four bytes, big-endian, then msgpack. */
export function frame(message: unknown): Uint8Array {
  const body = encode(message);
  if (body.byteLength > MAX_IPC_MESSAGE)
    throw new CodedError('frame_too_large', `A message of ${body.byteLength} bytes`);
  const head = new Uint8Array(HEAD);
  new DataView(head.buffer).setUint32(0, body.byteLength);
  return concat([head, body]);
}

/** Cuts a byte stream into messages again, however it was torn. */
export class FrameReader {
  private pending: Uint8Array = new Uint8Array(0);

  /** The messages that `chunk` completes. Throws `frame_too_large` or `bad_frame`: the connection is of no use then. */
  push(chunk: Uint8Array): unknown[] {
    this.pending = this.pending.byteLength === 0 ? chunk : concat([this.pending, chunk]);
    const messages: unknown[] = [];
    for (;;) {
      const { pending } = this;
      if (pending.byteLength < HEAD) return messages;
      const size = new DataView(pending.buffer, pending.byteOffset).getUint32(0);
      if (size > MAX_IPC_MESSAGE) throw new CodedError('frame_too_large', `A message of ${size} bytes`);
      if (pending.byteLength < HEAD + size) return messages;
      messages.push(decode(pending.subarray(HEAD, HEAD + size)));
      this.pending = pending.subarray(HEAD + size);
    }
  }
}
