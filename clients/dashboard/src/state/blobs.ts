import type { ErrorInfo } from '@pizzapi/protocol';
import { api } from './client.js';

export type BlobSource = { kind: 'ready'; url: string } | { kind: 'failed'; error: ErrorInfo };

/** What a browser keeps as a file and does not show. */
const BYTES = 'application/octet-stream';
/** Pictures that are nothing but pixels. */
export const RASTER = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/;

/**
 * Where the blobs of a session are read from. An `<img>` or a link of the page shows no token, so that they are fetched
 * first and read from memory.
 */
export class Blobs {
  readonly #sid: string;
  readonly #fetched = new Map<string, Promise<BlobSource>>();
  #closed = false;

  constructor(sid: string) {
    this.#sid = sid;
  }

  /** An address for `src` that is good as long as the session is open. What could not be fetched is asked for again. */
  async load(hash: string): Promise<BlobSource> {
    let source = this.#fetched.get(hash);
    if (source === undefined) this.#fetched.set(hash, (source = this.#fetch(hash)));
    return source;
  }

  close(): void {
    this.#closed = true;
    for (const source of this.#fetched.values()) void source.then(forget);
    this.#fetched.clear();
  }

  async #fetch(hash: string): Promise<BlobSource> {
    const answer = await api.blob(this.#sid, hash);
    if (answer.kind === 'failed') {
      this.#fetched.delete(hash);
      return answer;
    }
    // An address in memory is the page's own origin: what is no picture must not become a document there.
    const { type: said } = answer.value;
    const type = RASTER.test(said) || said === BYTES ? said : 'text/plain;charset=utf-8';
    const source: BlobSource = { kind: 'ready', url: URL.createObjectURL(new Blob([answer.value], { type })) };
    if (this.#closed) forget(source);
    return source;
  }
}

function forget(source: BlobSource): void {
  if (source.kind === 'ready') URL.revokeObjectURL(source.url);
}
