import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type BlobRef, type ErrorCode } from '@pizzapi/protocol';
import { retry, sleep, type Logger } from '@pizzapi/process';

/** How long an event waits for its blobs to be stored before it goes ahead of them, in ms. */
const BLOB_PATIENCE_MS = 2_000;

/**
 * Refusals of the bytes themselves (too many, or not those of the hash), and of any more of them (no room). Asking again
 * gets the same answer.
 */
const FINAL: readonly ErrorCode[] = ['bad_request', 'body_too_large', 'storage_full'];

/** Stores bytes in the backbone; rejects while that is out of reach. */
export type StoreBlob = (bytes: Uint8Array, mediaType: string) => Promise<unknown>;

/**
 * The spool of a session's blobs: each blob is a file until the object store has it, so that neither an outage nor a
 * crash loses what an event refers to.
 */
export class BlobSpool {
  private readonly uploads = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();
  private tellRefused: (blob: BlobRef, why: CodedError) => void = () => undefined;

  constructor(
    private readonly folder: string,
    private readonly store: StoreBlob,
    private readonly log: Logger,
  ) {}

  /** Calls `listener` for a blob that the store refuses permanently. The blob is deleted, and readers do not find it. */
  onRefused(listener: (blob: BlobRef, why: CodedError) => void): void {
    this.tellRefused = listener;
  }

  /** Sends the blobs that an earlier process left. */
  async start(): Promise<void> {
    for (const name of await readdir(this.folder).catch(() => [])) {
      const [hash, mediaType] = parseName(name) ?? [];
      if (hash !== undefined && mediaType !== undefined) void this.upload(hash, mediaType);
    }
  }

  /** Writes the bytes to disk. `stored` resolves when the store has or refuses them, or after a limited time. */
  async keep(bytes: Uint8Array, mediaType: string): Promise<{ ref: BlobRef; stored: Promise<void> }> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const path = join(this.folder, nameOf(hash, mediaType));
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.tmp`, bytes, { mode: 0o600 });
    await rename(`${path}.tmp`, path);
    const uploaded = this.upload(hash, mediaType);
    const stored = Promise.race([uploaded, sleep(BLOB_PATIENCE_MS, this.stopping.signal)]);
    return { ref: { blob: hash, size: bytes.byteLength, mediaType }, stored };
  }

  /** Resolves when no blob waits, or after `ms`. A blob that waits then stays on disk for the next process. */
  async settled(ms: number): Promise<void> {
    await Promise.race([Promise.all(this.uploads.values()), sleep(ms)]);
  }

  stop(): void {
    this.stopping.abort();
  }

  private upload(hash: string, mediaType: string): Promise<void> {
    const name = nameOf(hash, mediaType);
    const running = this.uploads.get(name);
    if (running !== undefined) return running;
    const upload = this.uploadUntilDone(hash, mediaType).finally(() => this.uploads.delete(name));
    this.uploads.set(name, upload);
    return upload;
  }

  private async uploadUntilDone(hash: string, mediaType: string): Promise<void> {
    const path = join(this.folder, nameOf(hash, mediaType));
    let size = 0;
    const upload = async () => {
      const bytes = await readFile(path);
      size = bytes.byteLength;
      await this.store(bytes, mediaType);
      await rm(path, { force: true });
    };
    try {
      await retry(upload, {
        ...{ signal: this.stopping.signal, backoff: { maxMs: 5_000 } },
        isRetryable: (error) => !isMissing(error) && !isFinal(error),
        onRetry: (error) => this.log.warn({ err: error, path }, 'blob not stored yet; retrying'),
      });
    } catch (error) {
      if (!isFinal(error)) return;
      this.log.error({ err: error, blob: hash, size, mediaType }, 'blob refused permanently; dropped');
      await rm(path, { force: true });
      this.tellRefused({ blob: hash, size, mediaType }, error);
    }
  }
}

/** Whether another process has stored the blob. */
const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const isFinal = (error: unknown): error is CodedError => error instanceof CodedError && FINAL.includes(error.code);

function nameOf(hash: string, mediaType: string): string {
  return `${hash}.${Buffer.from(mediaType).toString('base64url')}`;
}

function parseName(name: string): [hash: string, mediaType: string] | undefined {
  const match = /^([0-9a-f]{64})\.([A-Za-z0-9_-]+)$/.exec(name);
  return match === null ? undefined : [match[1]!, Buffer.from(match[2]!, 'base64url').toString()];
}
