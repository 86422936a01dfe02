import type { ErrorInfo, FileMatch, FilePath } from '@pizzapi/protocol';
import { api } from '../state/client.js';

/** A person types: the search begins when nothing was typed for so long, in ms. */
const TYPING_MS = 200;
/** Matches that are shown. */
const MAX_SHOWN = 500;

/** A search below a folder of a host. The one before is ended when another begins. */
export class FileSearch {
  query = $state('');
  in = $state<'names' | 'contents'>('names');
  matches = $state.raw<readonly FileMatch[]>([]);
  running = $state(false);
  limited = $state(false);
  error = $state.raw<ErrorInfo>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #current: AbortController | undefined;
  #searchId: string | undefined;

  constructor(
    private readonly runnerId: string,
    private readonly of: { sessionId?: string },
    private readonly folder: () => FilePath | undefined,
  ) {}

  get isOpen(): boolean {
    return this.query !== '';
  }

  type(query: string): void {
    this.query = query;
    this.again();
  }

  choose(what: 'names' | 'contents'): void {
    this.in = what;
    this.again();
  }

  again(): void {
    this.stop();
    if (this.query.trim() === '') {
      this.matches = [];
      return;
    }
    this.running = true;
    this.#timer = setTimeout(() => void this.#run(this.query.trim()), TYPING_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#current?.abort();
    this.running = false;
    const searchId = this.#searchId;
    this.#searchId = undefined;
    if (searchId !== undefined) void api.runnerCall(this.runnerId, 'search_cancel', { ...this.of, searchId });
  }

  async #run(query: string): Promise<void> {
    const current = (this.#current = new AbortController());
    const { signal } = current;
    const path = this.folder();
    const request = { ...this.of, query, in: this.in, ...(path === undefined ? {} : { path }), limit: MAX_SHOWN };
    let answer = await api.runnerCall(this.runnerId, 'search_files', request, { signal });
    let matches: FileMatch[] = [];
    this.error = undefined;
    for (;;) {
      if (signal.aborted) return;
      if (answer.kind === 'failed') {
        this.error = answer.error;
        break;
      }
      const { searchId, next, limited = false } = answer.value;
      matches = [...matches, ...answer.value.matches];
      this.matches = matches;
      this.limited = limited;
      this.#searchId = next === undefined ? undefined : searchId;
      if (next === undefined) break;
      answer = await api.runnerCall(this.runnerId, 'search_more', { ...this.of, searchId, after: next }, { signal });
    }
    if (matches.length === 0) this.matches = [];
    this.running = false;
  }
}
