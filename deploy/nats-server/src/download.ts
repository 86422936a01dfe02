import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { reasonOf } from './source.js';

/** Time limit for the first byte of a response, redirects included. */
const ANSWER_TIMEOUT_MS = 6_000;
/** Time limit for a download without new data. */
const STALL_TIMEOUT_MS = 15_000;
/** Size limit; a nats-server is smaller. */
const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024;
/** Interval between two progress lines. */
const PROGRESS_EVERY_MS = 2_000;

export type Download =
  { kind: 'downloaded'; bytes: number; sha256: string } | { kind: 'missing' } | { kind: 'failed'; why: string };

/** `5.4 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/**
 * Downloads `url` into `file`. Returns expected failures (unreachable, missing, interrupted) as outcomes. Gives up within
 * seconds when the server does not respond, because the next source may be faster.
 */
export async function download(url: string, file: string, progress: (line: string) => void): Promise<Download> {
  const controller = new AbortController();
  let timer = setTimeout(
    () => controller.abort(new Error(`no response in ${ANSWER_TIMEOUT_MS / 1000} s`)),
    ANSWER_TIMEOUT_MS,
  );
  const rearm = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`no data for ${STALL_TIMEOUT_MS / 1000} s`)), STALL_TIMEOUT_MS);
  };
  try {
    const response = await fetch(url, { signal: controller.signal });
    if (response.status === 404) return { kind: 'missing' };
    if (!response.ok || response.body === null)
      return { kind: 'failed', why: `${url} returned status ${response.status}` };
    const name = url.slice(url.lastIndexOf('/') + 1);
    const total = Number(response.headers.get('content-length') ?? 0);
    progress(`downloading ${name}${total > 0 ? ` (${megabytes(total)})` : ''}`);
    return await store(response.body, file, rearm, reporter(name, total, progress));
  } catch (thrown) {
    return {
      kind: 'failed',
      why: `${url}: ${reasonOf(controller.signal.aborted ? controller.signal.reason : thrown)}`,
    };
  } finally {
    clearTimeout(timer);
  }
}

async function store(
  body: ReadableStream<Uint8Array>,
  file: string,
  rearm: () => void,
  report: (bytes: number) => void,
): Promise<Download> {
  const hash = createHash('sha256');
  const handle = await open(file, 'w');
  let bytes = 0;
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      rearm();
      bytes += chunk.byteLength;
      if (bytes > MAX_DOWNLOAD_BYTES)
        return { kind: 'failed', why: `the file is larger than ${megabytes(MAX_DOWNLOAD_BYTES)}` };
      hash.update(chunk);
      await handle.write(chunk);
      report(bytes);
    }
  } finally {
    await handle.close();
  }
  return { kind: 'downloaded', bytes, sha256: hash.digest('hex') };
}

function reporter(name: string, total: number, progress: (line: string) => void): (bytes: number) => void {
  let last = Date.now();
  return (bytes) => {
    if (Date.now() - last < PROGRESS_EVERY_MS) return;
    last = Date.now();
    progress(`downloading ${name}: ${megabytes(bytes)}${total > 0 ? ` of ${megabytes(total)}` : ''}`);
  };
}
