import type { ErrorInfo } from '@pizzapi/protocol';
import { api } from './client.js';

export type BlobSource = { kind: 'ready'; url: string; blob: Blob } | { kind: 'failed'; error: ErrorInfo };

/** What a browser keeps as a file and does not show. */
const BYTES = 'application/octet-stream';
/** Pictures that are nothing but pixels. */
export const RASTER = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/;

/** What is kept in memory of pictures that are not shown at the moment, in bytes: one scrolls back and forth. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** A blob in memory, for as long as something shows it, and a while longer. */
export interface HeldBlob {
  source: Promise<BlobSource>;
  /** It is not shown any more. May be called again. */
  release(): void;
}

interface Entry {
  source: Promise<BlobSource>;
  /** How many show it. */
  holders: number;
  bytes: number;
}

/**
 * The blobs of a session. The gateway lets no browser keep them, so that nothing of them is left when somebody signs
 * out; the page keeps in memory what it shows. An `<img>` and a link show no token of the page, and a guest's neither.
 */
export class Blobs {
  readonly #sid: string;
  /** The one used last comes last. */
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(sid: string) {
    this.#sid = sid;
  }

  /** Fetches a blob, once however many show it. What could not be fetched is asked for again. */
  hold(hash: string): HeldBlob {
    const entry = this.#entries.get(hash) ?? { source: this.#fetch(hash), holders: 0, bytes: 0 };
    this.#entries.delete(hash);
    this.#entries.set(hash, entry);
    entry.holders++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      entry.holders--;
      this.#trim();
    };
    return { source: entry.source, release };
  }

  /** The text of a blob. It is fetched once, however many need it. */
  async text(hash: string): Promise<{ kind: 'ready'; text: string } | { kind: 'failed'; error: ErrorInfo }> {
    const held = this.hold(hash);
    const source = await held.source;
    const read = source.kind === 'ready' ? ({ kind: 'ready', text: await source.blob.text() } as const) : source;
    held.release();
    return read;
  }

  close(): void {
    this.#closed = true;
    for (const { source } of this.#entries.values()) void source.then(forget);
    this.#entries.clear();
  }

  async #fetch(hash: string): Promise<BlobSource> {
    const answer = await api.blob(this.#sid, hash);
    if (answer.kind === 'failed') {
      this.#entries.delete(hash);
      return answer;
    }
    // An address in memory is the page's own origin: what is no picture must not become a document there.
    const { type: said } = answer.value;
    const type = RASTER.test(said) || said === BYTES ? said : 'text/plain;charset=utf-8';
    const blob = new Blob([answer.value], { type });
    const source: BlobSource = { kind: 'ready', url: URL.createObjectURL(blob), blob };
    const entry = this.#entries.get(hash);
    if (this.#closed || entry === undefined) forget(source);
    else entry.bytes = answer.value.size;
    return source;
  }

  /** Forgets what was not shown for longest, down to what may be kept. */
  #trim(): void {
    const idle = [...this.#entries].filter(([, { holders }]) => holders === 0);
    let bytes = idle.reduce((sum, [, entry]) => sum + entry.bytes, 0);
    for (const [hash, entry] of idle) {
      if (bytes <= KEPT_BYTES) return;
      bytes -= entry.bytes;
      this.#entries.delete(hash);
      void entry.source.then(forget);
    }
  }
}

function forget(source: BlobSource): void {
  if (source.kind === 'ready') URL.revokeObjectURL(source.url);
}
