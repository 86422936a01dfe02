import type { ErrorInfo, GitPatchPage } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import { parseUnified, textOfBase64, type DiffHunk } from '../model/unifiedDiff.js';

/** Pages of a diff that come at once; a person asks for the rest. */
const PAGES = 2;

type PatchRequest = (page: { offset: number; version?: string }) => Promise<ApiResult<GitPatchPage>>;

/** The diff of one file, page by page. */
export class Patch {
  hunks = $state.raw<readonly DiffHunk[]>([]);
  error = $state.raw<ErrorInfo>();
  busy = $state(false);
  /** The first page has come. */
  loaded = $state(false);
  /** Where the next page begins; undefined: this is all. */
  next = $state<number>();
  /** Of the file: its contents, and whether it is binary. */
  about = $state.raw<Pick<GitPatchPage, 'was' | 'now' | 'binary'>>({});
  readonly #ask: PatchRequest;
  #parts: string[] = [];
  #version: string | undefined;
  #asked = 0;

  constructor(ask: PatchRequest) {
    this.#ask = ask;
  }

  /** Loads the diff anew. What is shown stays until it is here. */
  async load(): Promise<void> {
    await this.#read(0);
  }

  async loadMore(): Promise<void> {
    if (this.next !== undefined && !this.busy) await this.#read(this.next);
  }

  async #read(from: number): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    let parts = from === 0 ? [] : this.#parts;
    let version = from === 0 ? undefined : this.#version;
    let next: number | undefined = from;
    for (let page = 0; page < PAGES && next !== undefined; page++) {
      const answer: ApiResult<GitPatchPage> = await this.#ask({
        offset: next,
        ...(version === undefined ? {} : { version }),
      });
      if (asked !== this.#asked) return;
      this.error = answer.kind === 'failed' ? answer.error : undefined;
      if (answer.kind === 'failed') break;
      const { patch, was, now, binary } = answer.value;
      ({ version, next } = answer.value);
      parts = [...parts, patch];
      this.about = {
        ...(was === undefined ? {} : { was }),
        ...(now === undefined ? {} : { now }),
        ...(binary === undefined ? {} : { binary }),
      };
    }
    this.busy = false;
    this.loaded = true;
    if (this.error !== undefined) return;
    this.#parts = parts;
    this.#version = version;
    this.next = next;
    this.hunks = parseUnified(textOfBase64(parts));
  }
}
