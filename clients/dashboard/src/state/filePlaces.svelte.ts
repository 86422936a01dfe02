import { getContext, setContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { pathsIn, type PathMention } from '../model/filePaths.js';
import type { HostTarget } from '../model/hostTabs.js';
import { hostPath } from '../model/route.js';
import { api } from './client.js';
import type { HostPanel } from './hostPanel.svelte.js';
import { addressOf } from './pagePath.js';
import { PathIndex, type FoundKind } from './pathIndex.js';

/** Leads from the texts of a session to the files of its host. */
export class FilePlaces {
  readonly #panel: HostPanel;
  readonly #isShown: () => boolean;
  readonly #index = new PathIndex((paths) => this.#find(paths), new SvelteMap());

  /** `isShown`: files can be opened here. */
  constructor(panel: HostPanel, isShown: () => boolean) {
    this.#panel = panel;
    this.#isShown = isShown;
  }

  get isOn(): boolean {
    return this.#isShown();
  }

  /** What a path leads to, if the host has said so. A signal. */
  kindOf(path: string): FoundKind | undefined {
    if (!this.isOn) return undefined;
    return this.isReachable ? this.#index.kindOf(path) : this.#index.known(path);
  }

  /** The paths of a text that exist on the host. */
  async existing(text: string): Promise<PathMention[]> {
    const mentions = this.isOn ? pathsIn(text) : [];
    if (mentions.length === 0) return [];
    if (this.isReachable) await this.#index.ask(mentions.map(({ path }) => path));
    return mentions.filter(({ path }) => (this.kindOf(path) ?? null) !== null);
  }

  /** The address of a file, for a tab of its own. */
  addressOf(target: HostTarget): string {
    return addressOf(hostPath(this.#panel.runnerId, 'files', { ...target, path: this.#absolute(target.path ?? '') }));
  }

  /** Opens the file of a link beside the session, unless the person asked for a tab of the browser. */
  follow(event: MouseEvent, target: HostTarget): void {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const isFolder = this.kindOf(target.path ?? '') === 'folder';
    this.#panel.open('files', isFolder ? { ...target, isFolder } : target);
  }

  /** An offline host answers nothing. A guest is not told whether the host is online, so a guest's page asks it. A signal. */
  get isReachable(): boolean {
    return this.#panel.runner?.online !== false;
  }

  /** The page of a host has no session that a path begins at. */
  #absolute(path: string): string {
    return /^[/~]/.test(path) ? path : `${this.#panel.folder.replace(/\/$/, '')}/${path}`;
  }

  async #find(paths: readonly string[]): Promise<readonly FoundKind[] | undefined> {
    const sessionId = this.#panel.session?.sid;
    const answer = await api.runnerCall(this.#panel.runnerId, 'find_paths', {
      paths: [...paths],
      ...(sessionId === undefined ? {} : { sessionId }),
    });
    return answer.kind === 'ok' ? answer.value.found.map((one) => one?.kind ?? null) : undefined;
  }
}

const KEY = Symbol('file places');

/** Gives the components below it the way to files. */
export const provideFilePlaces = (places: FilePlaces): FilePlaces => setContext(KEY, places);

/** The way to files; undefined where no session is around. */
export const filePlaces = (): FilePlaces | undefined => getContext<FilePlaces | undefined>(KEY);
