import { fileMentionAt, withFile, type FileChoice, type FileMention } from '../model/fileMention.js';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';

/** How long typing must pause before the host is asked, in ms. */
const PAUSE_MS = 120;
/** How long the host looks before it answers with what it has, in ms. */
const LOOK_MS = 2_000;
const CHOICES = 12;

/** Completes the names of files in a message, after an `@`. */
export class FileCompletion {
  choices = $state.raw<readonly FileChoice[]>([]);
  /** Position of the one that a key takes. */
  chosen = $state(0);
  readonly #host: HostPanel;
  #mention: FileMention | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(host: HostPanel) {
    this.#host = host;
  }

  /** What has been typed, and where the cursor is. */
  update(text: string, cursor: number): void {
    const mention = this.#host.can('files:read') ? fileMentionAt(text, cursor) : undefined;
    clearTimeout(this.#pause);
    // The host ends what it looks for when its caller leaves.
    this.#asking?.abort();
    if (mention === undefined) return this.close();
    this.#mention = mention;
    this.#pause = setTimeout(() => void this.#ask(mention), PAUSE_MS);
  }

  move(step: number): void {
    this.chosen = (this.chosen + step + this.choices.length) % this.choices.length;
  }

  close(): void {
    clearTimeout(this.#pause);
    this.#asking?.abort();
    this.#mention = undefined;
    this.choices = [];
    this.chosen = 0;
  }

  /** The message with a choice in it, and where the cursor is then. */
  take(text: string, choice: FileChoice): { text: string; cursor: number } | undefined {
    const mention = this.#mention;
    return mention === undefined ? undefined : withFile(text, mention, choice);
  }

  async #ask(mention: FileMention): Promise<void> {
    const asking = (this.#asking = new AbortController());
    const choices = await (mention.query === '' ? this.#all(asking) : this.#search(mention.query, asking));
    if (this.#mention !== mention || asking.signal.aborted) return;
    this.choices = choices;
    this.chosen = 0;
  }

  /** What is in the folder of the session. */
  async #all({ signal }: AbortController): Promise<readonly FileChoice[]> {
    const request = { ...this.#of, limit: CHOICES, git: false, ignored: false, hidden: false };
    const answer = await api.runnerCall(this.#host.runnerId, 'list_files', request, { signal });
    if (answer.kind === 'failed') return [];
    return answer.value.entries.flatMap(({ name, bytes, kind, leadsTo }) =>
      bytes === undefined ? [{ path: name, isFolder: kind === 'folder' || leadsTo === 'folder' }] : [],
    );
  }

  async #search(query: string, { signal }: AbortController): Promise<readonly FileChoice[]> {
    const request = { ...this.#of, query, in: 'names', folders: true, limit: CHOICES, waitMs: LOOK_MS } as const;
    let answer = await api.runnerCall(this.#host.runnerId, 'search_files', request, { signal });
    // A large folder is listed for longer than one request.
    while (answer.kind === 'ok' && answer.value.next !== undefined && answer.value.matches.length === 0) {
      const { searchId, next: after } = answer.value;
      answer = await api.runnerCall(this.#host.runnerId, 'search_more', { ...this.#of, searchId, after }, { signal });
    }
    if (answer.kind === 'failed') return [];
    // A name that is no text cannot stand in a message.
    return answer.value.matches.flatMap(({ path, bytes, kind }) =>
      bytes === undefined ? [{ path, isFolder: kind === 'folder' }] : [],
    );
  }

  get #of(): { sessionId?: string } {
    const sessionId = this.#host.session?.sid;
    return sessionId === undefined ? {} : { sessionId };
  }
}
