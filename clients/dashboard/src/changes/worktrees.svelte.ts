import type { ErrorInfo, SessionWorktree } from '@pizzapi/protocol';
import { api } from '../state/client.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { toasts } from '../state/toasts.svelte.js';
import type { Question } from '../ui/Confirm.svelte';

const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;

/** The work that a removal would lose, in words, or undefined. */
export function unsavedWork({ uncommitted, ahead }: SessionWorktree): string | undefined {
  const parts = [
    ...(uncommitted > 0 ? [`${count(uncommitted, 'file')} not committed`] : []),
    ...(ahead > 0 ? [`${count(ahead, 'commit')} not merged`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** What a person does with the work trees of sessions. Each action has one button; what loses work asks first. */
export class Worktrees {
  all = $state.raw<readonly SessionWorktree[]>([]);
  error = $state.raw<ErrorInfo>();
  loaded = $state(false);
  busy = $state(false);
  question = $state.raw<Question>();
  readonly #panel: HostPanel;
  readonly #onchange: () => unknown;

  constructor(panel: HostPanel, onchange?: () => unknown) {
    this.#panel = panel;
    this.#onchange = onchange ?? (() => this.load());
  }

  async load(): Promise<void> {
    const answer = await api.runnerCall(this.#panel.runnerId, 'list_worktrees', {});
    this.loaded = true;
    this.error = answer.kind === 'failed' ? answer.error : undefined;
    if (answer.kind === 'ok') this.all = answer.value.worktrees;
  }

  async keep({ worktreeId }: SessionWorktree): Promise<void> {
    await this.#do(() => reportResult(api.runnerCall(this.#panel.runnerId, 'keep_worktree', { worktreeId }), 'Kept.'));
  }

  /** Work that is not committed is committed before, with a message that names the branch. */
  async merge({ worktreeId, branch, uncommitted, ended }: SessionWorktree): Promise<void> {
    await this.#do(async () => {
      const answer = await api.runnerCall(this.#panel.runnerId, 'merge_worktree', {
        worktreeId,
        ...(uncommitted > 0 ? { commit: `Work of ${branch}` } : {}),
        ...(ended ? { remove: true } : {}),
      });
      if (answer.kind === 'failed') return toasts.error(answer.error);
      const { how, into } = answer.value;
      toasts.info(how === 'nothing' ? `${into} has it already.` : `Merged into ${into}.`);
    });
  }

  askToMerge(worktree: SessionWorktree): void {
    const { uncommitted, baseBranch, branch, ended } = worktree;
    if (uncommitted === 0) return void this.merge(worktree);
    this.question = {
      title: `Commit and merge ${branch}?`,
      text: `${count(uncommitted, 'file')} with work that is not committed will be committed, and merged into ${baseBranch ?? 'its branch'}.${ended ? ' The work tree is then removed.' : ''}`,
      yes: 'Commit and merge',
      run: () => void this.merge(worktree),
    };
  }

  /** Asks before work is lost. The host refuses when there is other work by then. */
  askToRemove(worktree: SessionWorktree): void {
    const unsaved = unsavedWork(worktree);
    this.question = {
      title: `Remove the work tree ${worktree.worktreeId}?`,
      text:
        unsaved === undefined
          ? 'All of its work is merged. Files that git ignores are deleted with it.'
          : `This discards work: ${unsaved}. It cannot be brought back.`,
      yes: unsaved === undefined ? 'Remove' : 'Discard and remove',
      run: () => void this.#remove(worktree, unsaved !== undefined),
    };
  }

  async #remove({ worktreeId, version }: SessionWorktree, discards: boolean): Promise<void> {
    const request = { worktreeId, ...(discards ? { discard: version } : {}) };
    await this.#do(() => reportResult(api.runnerCall(this.#panel.runnerId, 'remove_worktree', request), 'Removed.'));
  }

  async #do(work: () => Promise<unknown>): Promise<void> {
    this.busy = true;
    await work();
    this.busy = false;
    await this.#onchange();
  }
}
