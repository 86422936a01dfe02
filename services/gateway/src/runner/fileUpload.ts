import type { Readable } from 'node:stream';
import { errorInfo, MAX_UPLOAD_BYTES, RUNNER_PAGE_BYTES, type ErrorInfo } from '@pizzapi/protocol';
import type { CallOutcome } from './runnerCalls.js';

/** Parts that are on their way to the host at once. */
const AHEAD = 4;

export type UploadOutcome = { kind: 'received'; received: number } | { kind: 'refused'; error: ErrorInfo };
export type WritePart = (offset: number, content: string) => Promise<CallOutcome<'upload_write'>>;

/**
 * Passes the bytes of a request on to the host, part by part. At most `AHEAD` parts are in memory: then the client waits. Answers how much has
 * arrived, which is less than was sent when a part was lost; the client continues from there.
 */
export async function passUpload(body: Readable, from: number, write: WritePart): Promise<UploadOutcome> {
  const waiting: Promise<CallOutcome<'upload_write'>>[] = [];
  let offset = from;
  let received = from;
  let refused: ErrorInfo | undefined;
  let parts: Buffer[] = [];
  let length = 0;

  const confirm = async (): Promise<void> => {
    const outcome = await waiting.shift();
    if (outcome?.kind === 'refused') refused ??= outcome.error;
    else if (outcome !== undefined) received = outcome.reply.received;
  };
  const send = async (): Promise<void> => {
    const part = Buffer.concat(parts);
    parts = [];
    length = 0;
    if (part.length === 0) return;
    waiting.push(write(offset, part.toString('base64')));
    offset += part.length;
    while (waiting.length >= AHEAD) await confirm();
  };

  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    if (offset + length + chunk.length > MAX_UPLOAD_BYTES) {
      refused ??= errorInfo('body_too_large', 'A file that is uploaded has at most 2 GiB');
      break;
    }
    for (let rest: Buffer = chunk; rest.length > 0;) {
      const taken = rest.subarray(0, RUNNER_PAGE_BYTES - length);
      parts.push(taken);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length === RUNNER_PAGE_BYTES) await send();
    }
    if (refused !== undefined) break;
  }
  if (refused === undefined) await send();
  while (waiting.length > 0) await confirm();
  return refused === undefined ? { kind: 'received', received } : { kind: 'refused', error: refused };
}
