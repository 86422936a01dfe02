import type { ErrorInfo, GitFileChange, MethodReply, SessionWorktree } from '@pizzapi/protocol';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { toasts } from '../state/toasts.svelte.js';
import { Patch } from './patch.svelte.js';

/** What a session changed, in total or in one turn. */
export class ChangesView {
  reply = $state.raw<MethodReply<'session_changes'>>();
  files = $state.raw<readonly GitFileChange[]>([]);
  error = $state.raw<ErrorInfo>();
  busy = $state(false);
  /** Missing: the whole session. */
  turn = $state<number>();
  /** Rises when the changes were loaded anew: open diffs follow. */
  loads = $state(0);
  readonly #panel: HostPanel;
  readonly #sid: string;
  #asked = 0;

  constructor(panel: HostPanel, sid: string) {
    this.#panel = panel;
    this.#sid = sid;
  }

  /** Turns that changed something, the latest first. */
  readonly turns = $derived((this.reply?.turns ?? []).filter(({ files }) => files > 0).toReversed());
  readonly canUndo = $derived.by(() => this.reply?.source === 'git' && this.#panel.can('files:write'));

  async load(): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    const answer = await api.runnerCall(this.#panel.runnerId, 'session_changes', this.#request);
    if (asked !== this.#asked) return;
    this.busy = false;
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    if (answer.kind === 'failed') return;
    this.reply = answer.value;
    this.files = answer.value.files;
    this.loads++;
  }

  async loadMore(): Promise<void> {
    const { reply } = this;
    if (reply?.next === undefined || this.busy) return;
    this.busy = true;
    const request = { ...this.#request, offset: reply.next };
    const answer = await api.runnerCall(this.#panel.runnerId, 'session_changes', request);
    this.busy = false;
    if (answer.kind === 'failed') return toasts.error(answer.error);
    this.files = [...this.files, ...answer.value.files];
    this.reply = answer.value;
  }

  choose(turn: number | undefined): void {
    this.turn = turn;
    void this.load();
  }

  patchOf(path: string): Patch {
    return new Patch((page) =>
      api.runnerCall(this.#panel.runnerId, 'session_diff', { ...this.#request, path, ...page }),
    );
  }

  /** Gives a file, or one hunk of it, its content from before. */
  async undo(path: string, { was, now }: Patch['about'], hunk?: string): Promise<void> {
    if (was === undefined || now === undefined) return;
    const request = { ...this.#request, path, was, now, ...(hunk === undefined ? {} : { hunk }) };
    await reportResult(api.runnerCall(this.#panel.runnerId, 'session_undo', request));
    await this.load();
  }

  get worktree(): SessionWorktree | undefined {
    return this.reply?.worktree;
  }

  get #request(): { sessionId: string; turn?: number } {
    return { sessionId: this.#sid, ...(this.turn === undefined ? {} : { turn: this.turn }) };
  }
}
