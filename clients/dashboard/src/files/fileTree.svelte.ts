import { pathText, type ErrorInfo, type FilePath } from '@pizzapi/protocol';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import { pathKey, pathOf } from '../model/filePath.js';
import { fileRows, type FileRow, type LoadedFolder } from '../model/fileRows.js';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';

/** Entries of a folder that are loaded at once. */
const PAGE = 500;
/** Folders that are watched. */
const MAX_WATCHED = 200;
const WAIT_MS = 20_000;
/** The pause after a failure, in ms. */
const PAUSE_MS = 5_000;

interface Folder extends LoadedFolder {
  next: string | undefined;
}

/** The files of a host as a tree: folders are loaded when they are opened, and again when something changes in them. */
export class FileTree {
  /** The real path of the folder at the top. */
  top = $state.raw<FilePath>();
  roots = $state.raw<readonly string[]>([]);
  /** Deleting moves to the trash of the desktop. */
  trash = $state(false);
  error = $state.raw<ErrorInfo>();
  hidden = $state(true);
  readonly open = new SvelteSet<string>();
  /** What a key names. Nothing is drawn from it. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- it changes with `#folders`, which is drawn
  readonly #paths = new Map<string, FilePath>();
  readonly #folders = new SvelteMap<string, Folder>();
  readonly #panel: HostPanel;
  readonly rows = $derived.by<readonly FileRow[]>(() =>
    this.top === undefined ? [] : fileRows(this.top, this.#folders, (key) => this.open.has(key)),
  );
  /** Called with the folders in which something changed. */
  onChange: (folders: readonly FilePath[]) => void = () => undefined;

  constructor(panel: HostPanel) {
    this.#panel = panel;
  }

  /** What every request names beside its path. */
  get of(): { sessionId?: string } {
    const sessionId = this.#panel.session?.sid;
    return sessionId === undefined ? {} : { sessionId };
  }

  get runnerId(): string {
    return this.#panel.runnerId;
  }

  get topText(): string {
    return this.top === undefined ? '' : pathText(this.top);
  }

  /** Shows a folder at the top; the first time that of the session, or the first root. */
  async begin(path?: FilePath): Promise<void> {
    const asked = path === undefined ? {} : { path };
    const answer = await api.runnerCall(this.runnerId, 'list_files', { ...this.of, ...asked, ...this.#looks });
    if (answer.kind === 'failed') {
      this.error = answer.error;
      return;
    }
    this.error = undefined;
    const { value } = answer;
    const top = pathOf(value);
    this.roots = value.roots;
    this.trash = value.trash;
    this.#keep(top, value);
    this.top = top;
  }

  /** Loads a folder, with as many entries as are shown of it. */
  async load(path: FilePath): Promise<void> {
    const shown = this.#folders.get(pathKey(path))?.entries.length ?? 0;
    const limit = Math.min(2_000, Math.max(PAGE, shown));
    const answer = await api.runnerCall(this.runnerId, 'list_files', { ...this.of, path, ...this.#looks, limit });
    if (answer.kind === 'ok') this.#keep(path, answer.value);
    else {
      // It is gone, or cannot be read.
      this.open.delete(pathKey(path));
      this.#folders.delete(pathKey(path));
    }
  }

  async loadMore(path: FilePath): Promise<void> {
    const before = this.#folders.get(pathKey(path));
    if (before?.next === undefined) return;
    const request = { ...this.of, path, ...this.#looks, after: before.next };
    const answer = await api.runnerCall(this.runnerId, 'list_files', request);
    if (answer.kind === 'failed') return;
    const entries = [...before.entries, ...answer.value.entries];
    this.#keep(path, { ...answer.value, entries });
  }

  async toggle(path: FilePath): Promise<void> {
    const key = pathKey(path);
    if (this.open.delete(key)) return;
    this.open.add(key);
    await this.load(path);
  }

  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    void this.reload();
  }

  async reload(): Promise<void> {
    await Promise.all(this.#shown.map((path) => this.load(path)));
  }

  /** Follows changes until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    let watch: { watchId: string; after: number } | undefined;
    while (!signal.aborted) {
      const folders = this.#shown.slice(0, MAX_WATCHED);
      const request = { ...this.of, folders, waitMs: WAIT_MS, ...watch };
      const answer = await api.runnerCall(this.runnerId, 'watch_folders', request, {
        signal: this.#untilOther(signal),
      });
      if (signal.aborted) return;
      if (answer.kind === 'failed') {
        if (answer.error.code !== 'rpc_cancelled') await pause(PAUSE_MS, signal);
        continue;
      }
      const { watchId, next, changed } = answer.value;
      watch = { watchId, after: next };
      const paths = changed.flatMap((index) => folders[index] ?? []);
      if (paths.length === 0) continue;
      // Also of a new watch: what changed before it began is not known.
      this.onChange(paths);
      await Promise.all(paths.map((path) => this.load(path)));
    }
  }

  /** Aborts when other folders are shown, so that they are watched at once. */
  #untilOther(signal: AbortSignal): AbortSignal {
    const other = new AbortController();
    this.#wake = () => other.abort();
    return AbortSignal.any([signal, other.signal]);
  }
  #wake: () => void = () => undefined;
  /** Called when a folder was opened or closed. */
  rewatch(): void {
    this.#wake();
  }

  get #looks() {
    return { hidden: this.hidden, limit: PAGE };
  }

  /** The folders whose entries are on the screen. */
  get #shown(): FilePath[] {
    const open = [...this.open].flatMap((key) => this.#paths.get(key) ?? []);
    return this.top === undefined ? [] : [this.top, ...open];
  }

  #keep(path: FilePath, { entries, next, total }: { entries: Folder['entries']; next?: string; total: number }): void {
    this.#paths.set(pathKey(path), path);
    this.#folders.set(pathKey(path), { entries, next, hasMore: next !== undefined, total });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()));
  });
}
