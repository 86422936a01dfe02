import {
  errorInfo,
  isMap,
  RUNNER_PAGE_BYTES,
  type ErrorInfo,
  type FilePath,
  type MethodReply,
} from '@pizzapi/protocol';
import { downloadPath, uploadFile, type HostFileRef } from '@pizzapi/session-client';
import { nameOf } from '../model/filePath.js';
import { decodeFile, encodeFile, fromBase64, toBase64, type DecodedFile } from '../model/fileText.js';
import { api } from '../state/client.js';
import { addressOf } from '../state/pagePath.js';
import { toasts } from '../state/toasts.svelte.js';

/** The largest text that is edited, in bytes. */
export const MAX_TEXT_BYTES = 4 * 1024 * 1024;
/** The largest image that is shown, in bytes. */
const MAX_IMAGE_BYTES = 32 * 1024 * 1024;

type Page = MethodReply<'read_file'>;
export type FileContent =
  { kind: 'text'; file: DecodedFile } | { kind: 'image'; url: string } | { kind: 'other'; why: 'binary' | 'large' };

export interface FileConflictView {
  /** What is on the host now; undefined: the file was removed. */
  theirs: string | undefined;
  version: string | undefined;
}

interface OpenFileDeps {
  runnerId: string;
  of: { sessionId?: string };
  path: FilePath;
  mayWrite: boolean;
}

/** A file of a host that is shown: its content, whether it was changed here, and what happens when both sides change it. */
export class OpenFile {
  facts = $state.raw<Page>();
  content = $state.raw<FileContent>();
  error = $state.raw<ErrorInfo>();
  isDirty = $state(false);
  isSaving = $state(false);
  /** The file was changed on the host since it was read. */
  isStale = $state(false);
  conflict = $state.raw<FileConflictView>();
  /** Counts the contents that the editor is to show instead of its own. */
  revision = $state(0);
  readonly canEdit = $derived(this.#mayEdit());
  readonly #deps: OpenFileDeps;
  /** Counts the changes that the person made. */
  #edits = 0;
  /** The folder has changed while the file was read first, or while a text was saved. */
  #hasMissedCheck = false;

  constructor(deps: OpenFileDeps) {
    this.#deps = deps;
  }

  get path(): FilePath {
    return this.#deps.path;
  }

  get name(): string {
    return nameOf(this.facts?.path ?? (typeof this.path === 'string' ? this.path : ''));
  }

  /** Reads the file, and drops what was changed here before. What is typed while it is read stays. */
  async load(): Promise<void> {
    const edits = this.#edits;
    const first = await this.#read({ offset: 0 });
    if (first.kind === 'failed') {
      this.error = first.error;
      return;
    }
    const { value } = first;
    const content = await this.#contentOf(value);
    if (content === undefined) return;
    if (this.#edits !== edits) {
      this.isStale = true;
      return;
    }
    this.#forgetImage();
    this.error = undefined;
    this.facts = value;
    this.content = content;
    this.isStale = false;
    this.isDirty = false;
    this.conflict = undefined;
    this.revision++;
    this.#checkMissed();
  }

  close(): void {
    this.#forgetImage();
  }

  /** The person has changed the text. */
  edited(): void {
    this.#edits++;
    this.isDirty = true;
  }

  /** Something changed in the folder of the file. */
  async check(): Promise<void> {
    const { runnerId, of, path } = this.#deps;
    const answer = await api.runnerCall(runnerId, 'find_paths', { ...of, paths: [path] });
    if (answer.kind === 'failed') return;
    if (this.isSaving || this.facts === undefined) {
      this.#hasMissedCheck = true;
      return;
    }
    const now = answer.value.found[0];
    if (now?.version === this.facts.version) return;
    if (this.isDirty || now === null || now === undefined) this.isStale = true;
    else await this.load();
  }

  /** Saves a text over the version that was read. Shows both versions when there is another one by now. */
  async save(text: string): Promise<boolean> {
    const { facts, content } = this;
    if (facts === undefined || content?.kind !== 'text') return false;
    return this.#write(text, content.file, this.conflict === undefined ? facts.version : this.conflict.version);
  }

  /** Compares what is here with what is on the host. */
  async compare(): Promise<void> {
    const first = await this.#read({ offset: 0 });
    if (first.kind === 'failed') {
      if (first.error.code === 'file_not_found') this.conflict = { theirs: undefined, version: undefined };
      else toasts.error(first.error);
      return;
    }
    const content = await this.#contentOf(first.value);
    if (content?.kind === 'text') this.conflict = { theirs: content.file.text, version: first.value.version };
    else toasts.error(errorInfo('file_changed', 'The file on the host is no text any more'));
  }

  async #write(text: string, file: DecodedFile, ifVersion: string | undefined): Promise<boolean> {
    const encoded = encodeFile(text, file);
    if (encoded.kind === 'impossible') {
      const what = `The file is written in ${file.encoding}, which does not have the character ${encoded.character}`;
      toasts.error(errorInfo('bad_request', what));
      return false;
    }
    const edits = this.#edits;
    this.isSaving = true;
    const saved = await this.#send(encoded.bytes, ifVersion);
    this.isSaving = false;
    if (saved.kind === 'failed') {
      if (saved.error.code === 'file_changed' && isMap(saved.error.details)) await this.compare();
      else toasts.error(saved.error);
      return false;
    }
    if (this.facts !== undefined) this.facts = { ...this.facts, ...saved.value };
    this.content = { kind: 'text', file: { ...file, text } };
    if (this.conflict !== undefined) this.revision++;
    this.conflict = undefined;
    // What was typed meanwhile is not saved.
    this.isDirty = this.#edits !== edits;
    this.isStale = false;
    this.#checkMissed();
    return true;
  }

  #checkMissed(): void {
    if (!this.#hasMissedCheck) return;
    this.#hasMissedCheck = false;
    void this.check();
  }

  /** A large file is sent as an upload. */
  #send(bytes: Uint8Array<ArrayBuffer>, ifVersion: string | undefined) {
    const { runnerId, of, path } = this.#deps;
    const target = { ...of, path, ...(ifVersion === undefined ? {} : { ifVersion }) };
    if (bytes.length <= RUNNER_PAGE_BYTES)
      return api.runnerCall(runnerId, 'write_file', { ...target, content: toBase64(bytes) });
    const source = { size: bytes.length, slice: (from: number, to: number) => new Blob([bytes.subarray(from, to)]) };
    const whole = ifVersion === undefined ? { ...target, overwrite: true } : target;
    return uploadFile(api, runnerId, whole, source);
  }

  async #contentOf(first: Page): Promise<FileContent | undefined> {
    const { encoding, mark = false, mediaType = '', size } = first;
    if (mediaType.startsWith('image/') && size <= MAX_IMAGE_BYTES) {
      const url = await this.#imageUrl(mediaType);
      if (url !== undefined) return { kind: 'image', url };
    }
    if (encoding === undefined) return { kind: 'other', why: 'binary' };
    if (size > MAX_TEXT_BYTES) return { kind: 'other', why: 'large' };
    const parts = [fromBase64(first.content)];
    for (let { next } = first; next !== undefined;) {
      const page = await this.#read({ offset: next, ifVersion: first.version });
      if (page.kind === 'failed') {
        this.error = page.error;
        return undefined;
      }
      parts.push(fromBase64(page.value.content));
      next = page.value.next;
    }
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return { kind: 'text', file: decodeFile(bytes, encoding, mark) };
  }

  async #imageUrl(mediaType: string): Promise<string | undefined> {
    const { runnerId, of, path } = this.#deps;
    const got = await api.download(runnerId, { ...of, path }, (response) => response.blob());
    return got.kind === 'ok' ? URL.createObjectURL(new Blob([got.value], { type: mediaType })) : undefined;
  }

  #read(part: { offset: number; ifVersion?: string }) {
    const { runnerId, of, path } = this.#deps;
    return api.runnerCall(runnerId, 'read_file', { ...of, path, ...part });
  }

  #mayEdit(): boolean {
    return this.#deps.mayWrite && this.facts?.writable === true && this.content?.kind === 'text';
  }

  #forgetImage(): void {
    if (this.content?.kind === 'image') URL.revokeObjectURL(this.content.url);
  }
}

/** Saves a file of the host on this device. The browser downloads it to its disk, and nothing of it is in the page. */
export async function downloadToDevice(runnerId: string, source: HostFileRef): Promise<void> {
  const made = await api.downloadTicket(runnerId, source);
  if (made.kind === 'failed') return toasts.error(made.error);
  const link = document.createElement('a');
  link.href = addressOf(downloadPath(runnerId, source, made.value.ticket));
  // The gateway names the file. The attribute keeps the page where a browser would show an error.
  link.download = '';
  link.click();
}
