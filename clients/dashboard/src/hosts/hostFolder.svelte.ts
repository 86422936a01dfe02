import type { RunnerInfo } from '@pizzapi/protocol';
import { pinnedFolders, togglePinned } from '../model/pinnedFolders.js';
import { api } from '../state/client.js';
import { storage } from '../state/storage.js';

/** How long typing must pause before folders are looked up, in ms. */
const LOOKUP_DELAY = 120;

/** A folder of a host that a person types or chooses: what completes it, and the folders that the person keeps at hand. */
export class HostFolder {
  path = $state('');
  /** Folders that begin like what has been typed. */
  folders = $state.raw<readonly string[]>([]);
  /** Folders of the runner that this person keeps at hand in this browser. */
  pinned = $state.raw<readonly string[]>([]);
  readonly #runner: () => RunnerInfo | undefined;
  readonly #onchange: (path: string) => void;
  #lookup: ReturnType<typeof setTimeout> | undefined;
  /** Settles when the folders of the typed path are here. */
  #lookedUp: Promise<void> = Promise.resolve();

  /** `onchange`: the person has typed or chosen another folder. */
  constructor(runner: () => RunnerInfo | undefined, onchange: (path: string) => void = () => undefined) {
    this.#runner = runner;
    this.#onchange = onchange;
  }

  get runner(): RunnerInfo | undefined {
    return this.#runner();
  }

  /** Begins with the folder that was used last on the runner. */
  begin(): void {
    const { runner } = this;
    this.path = runner?.recentFolders[0] ?? runner?.roots[0] ?? '';
    this.pinned = pinnedFolders(storage.get(this.#stored));
    this.folders = [];
  }

  /** Takes a path that is not typed: nothing more is suggested. */
  choose(path: string): void {
    this.#change(path);
    this.folders = [];
  }

  /** Keeps the folder of the field at hand, or no longer. */
  togglePin(): void {
    this.pinned = togglePinned(this.pinned, this.path);
    storage.set(this.#stored, this.pinned.length === 0 ? '' : JSON.stringify(this.pinned));
  }

  /** Looks up the folders that begin like what has been typed. The last lookup wins. */
  complete(path: string): void {
    this.#change(path);
    const runnerId = this.runner?.runnerId;
    if (runnerId === undefined) return;
    this.#lookedUp = new Promise((resolve) => {
      this.#lookup = setTimeout(() => resolve(this.#complete(runnerId, path)), LOOKUP_DELAY);
    });
  }

  /** The folders that are suggested for what has been typed so far. */
  async suggestions(): Promise<readonly string[]> {
    await this.#lookedUp;
    return this.folders;
  }

  #change(path: string): void {
    if (path !== this.path) {
      // A suggestion for what was typed before must not be taken for this.
      const typed = path.toLowerCase();
      this.folders = this.folders.filter((folder) => folder.toLowerCase().startsWith(typed));
      this.#onchange(path);
    }
    this.path = path;
    clearTimeout(this.#lookup);
    this.#lookedUp = Promise.resolve();
  }

  async #complete(runnerId: string, path: string): Promise<void> {
    const found = await api.folders(runnerId, path);
    if (this.path === path && this.runner?.runnerId === runnerId)
      this.folders = found.kind === 'ok' ? found.value.folders : [];
  }

  get #stored(): string {
    return `pinned.${this.runner?.runnerId ?? ''}`;
  }
}
