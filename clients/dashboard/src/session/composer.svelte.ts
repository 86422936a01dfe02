import type { DeliverAs, FrameAttachment } from '@pizzapi/protocol';
import { MAX_FILES, prepareFile } from './attachments.js';
import { api } from '../state/client.js';
import type { SessionView } from '../state/session.svelte.js';
import { drafts } from '../state/drafts.svelte.js';
import { toasts } from '../state/toasts.svelte.js';
import { SessionUsage } from './usage.svelte.js';

/** A file in the composer, from the moment it was picked. */
export interface DraftFile {
  id: number;
  name: string;
  /** An object URL to show it by. */
  preview: string;
  state: 'uploading' | 'ready';
  attachment?: FrameAttachment;
}

/** What is being written to a session: text (a draft, which is kept), files, and how it is to be delivered. */
export class Composer {
  readonly #view: SessionView;
  readonly usage: SessionUsage;
  files = $state.raw<readonly DraftFile[]>([]);
  /** While the agent works: put in before its next step, or after it is done. */
  whileBusy = $state<'steer' | 'followUp'>('steer');
  readonly deliverAs = $derived<DeliverAs>(this.#isBusy() ? this.whileBusy : 'prompt');
  readonly uploading = $derived(this.files.some(({ state }) => state === 'uploading'));
  readonly blocked = $derived(this.#blockedBy());
  readonly canSend = $derived(
    this.blocked === undefined && !this.uploading && (this.text.trim() !== '' || this.files.length > 0),
  );
  #nextFile = 1;

  constructor(view: SessionView) {
    this.#view = view;
    this.usage = new SessionUsage(view.sid);
  }

  /** The message that is being written. */
  get text(): string {
    return drafts.get(this.#view.sid) ?? '';
  }

  setText(text: string): void {
    if (text === '') drafts.drop(this.#view.sid);
    else drafts.set(this.#view.sid, text);
  }

  async addFiles(files: Iterable<File>): Promise<void> {
    await Promise.all([...files].map((file) => this.#addFile(file)));
  }

  removeFile(id: number): void {
    const file = this.files.find((other) => other.id === id);
    if (file !== undefined) URL.revokeObjectURL(file.preview);
    this.files = this.files.filter((other) => other.id !== id);
  }

  async send(): Promise<void> {
    if (!this.canSend) return;
    const [text, files] = [this.text.trim(), this.files];
    const attachments = files.flatMap(({ attachment }) => attachment ?? []);
    this.setText('');
    this.files = [];
    for (const { preview } of files) URL.revokeObjectURL(preview);
    await this.#view.outbox.send(text, attachments, this.deliverAs);
    await this.usage.refresh();
  }

  async #addFile(file: File): Promise<void> {
    if (this.files.length >= MAX_FILES) return toasts.info(`Attach at most ${MAX_FILES} files to one message.`);
    const id = this.#nextFile++;
    const draft: DraftFile = { id, name: file.name, preview: URL.createObjectURL(file), state: 'uploading' };
    this.files = [...this.files, draft];
    const prepared = await prepareFile(file);
    if (prepared.kind === 'refused') {
      this.removeFile(id);
      return toasts.info(prepared.reason);
    }
    const stored = await api.uploadBlob(this.#view.sid, prepared.bytes, prepared.mediaType);
    void this.usage.load();
    if (stored.kind === 'failed') {
      this.removeFile(id);
      return toasts.error(stored.error);
    }
    const attachment = { name: file.name, ...stored.value };
    this.files = this.files.map((other) => (other.id === id ? { ...other, state: 'ready', attachment } : other));
  }

  #isBusy(): boolean {
    return this.#view.busy;
  }

  /** Why nothing can be sent now, in words, or undefined. */
  #blockedBy(): string | undefined {
    const { mode, ended, info } = this.#view;
    if (ended) return 'This session has ended. Fork it or start a new one to continue.';
    if (mode === 'read' && this.#view.loaded) return 'This link is read-only.';
    if (info.host === 'lost') return 'You can write when the host reconnects.';
    return undefined;
  }
}
