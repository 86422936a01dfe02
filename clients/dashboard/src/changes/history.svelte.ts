import type { ErrorInfo, GitCommit, GitFileChange, MethodReply } from '@pizzapi/protocol';
import { SvelteMap } from 'svelte/reactivity';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import type { Patch } from './patch.svelte.js';
import { diffPatch, repositoryRef } from './repository.svelte.js';

/** Commits of one request. */
const PAGE = 50;

/** Whose commits are shown: of the branch that is checked out, of all branches, or of one by its name. */
export type HistoryScope = { kind: 'head' } | { kind: 'all' } | { kind: 'branch'; name: string };

/** The commits of the repository of a folder, page by page. */
export class RepositoryHistory {
  commits = $state.raw<readonly GitCommit[]>([]);
  branches = $state.raw<MethodReply<'git_branches'>>();
  error = $state.raw<ErrorInfo>();
  loaded = $state(false);
  busy = $state(false);
  scope = $state.raw<HistoryScope>({ kind: 'head' });
  /** How many commits are before the next page; undefined: this is all. */
  next = $state<number>();
  /** The commits that are open, by their id. */
  readonly open = new SvelteMap<string, CommitDetails>();
  readonly #panel: HostPanel;
  #asked = 0;

  constructor(panel: HostPanel) {
    this.#panel = panel;
  }

  async load(): Promise<void> {
    const branches = api.runnerCall(this.#panel.runnerId, 'git_branches', repositoryRef(this.#panel));
    await this.#read(0);
    const answer = await branches;
    if (answer.kind === 'ok') this.branches = answer.value;
  }

  async loadMore(): Promise<void> {
    if (this.next !== undefined && !this.busy) await this.#read(this.next);
  }

  choose(scope: HistoryScope): void {
    this.scope = scope;
    this.open.clear();
    void this.#read(0);
  }

  toggle(oid: string): void {
    if (!this.open.delete(oid)) this.open.set(oid, new CommitDetails(this.#panel, oid));
  }

  async #read(offset: number): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    const answer = await api.runnerCall(this.#panel.runnerId, 'git_log', {
      ...repositoryRef(this.#panel),
      ...(this.scope.kind === 'all' ? { all: true } : {}),
      ...(this.scope.kind === 'branch' ? { rev: this.scope.name } : {}),
      ...{ limit: PAGE, offset },
    });
    if (asked !== this.#asked) return;
    this.busy = false;
    this.loaded = true;
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    if (answer.kind === 'failed') return;
    // A commit that was made meanwhile moves the others to the next page.
    const before = offset === 0 ? [] : this.commits;
    const added = answer.value.commits.filter(({ oid }) => !before.some((known) => known.oid === oid));
    this.commits = [...before, ...added];
    this.next = answer.value.next;
  }
}

/** One commit: its message and its files. */
export class CommitDetails {
  message = $state('');
  files = $state.raw<readonly GitFileChange[]>([]);
  error = $state.raw<ErrorInfo>();
  loaded = $state(false);
  busy = $state(false);
  next = $state<number>();
  /** The files whose diff is open, by their path. */
  readonly open = new SvelteMap<string, Patch>();
  readonly #panel: HostPanel;
  readonly #oid: string;

  constructor(panel: HostPanel, oid: string) {
    this.#panel = panel;
    this.#oid = oid;
    void this.load();
  }

  async load(offset = 0): Promise<void> {
    this.busy = true;
    const request = { ...repositoryRef(this.#panel), rev: this.#oid, offset };
    const answer = await api.runnerCall(this.#panel.runnerId, 'git_show', request);
    this.busy = false;
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    if (answer.kind === 'failed') return;
    const { message = '', files = [], next } = answer.value;
    this.message = message;
    this.files = offset === 0 ? files : [...this.files, ...files];
    this.next = next;
    this.loaded = true;
  }

  toggle(path: string): void {
    if (!this.open.delete(path)) this.open.set(path, diffPatch(this.#panel, { path, to: this.#oid }));
  }
}
