import type { ErrorInfo, GitStatusEntry, MethodReply, MethodRequest, RunnerMethod } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import { api } from '../state/client.js';
import { draftField } from '../state/drafts.svelte.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { Patch } from './patch.svelte.js';

type Where = { sessionId: string } | { cwd: string };

/** The repository of the folder: its branch, what is staged and what is not. */
export class RepositoryStatus {
  reply = $state.raw<MethodReply<'git_status'>>();
  branches = $state.raw<MethodReply<'git_branches'>>();
  error = $state.raw<ErrorInfo>();
  busy = $state(false);
  loads = $state(0);
  readonly #panel: HostPanel;
  readonly #message;

  constructor(panel: HostPanel) {
    this.#panel = panel;
    this.#message = draftField(`commit.${panel.session?.sid ?? panel.runnerId}`);
  }

  readonly staged = $derived((this.reply?.files ?? []).filter(({ index }) => index !== undefined));
  readonly changed = $derived((this.reply?.files ?? []).filter(({ workTree }) => workTree !== undefined));
  readonly canChange = $derived.by(() => this.#panel.can('files:write'));
  readonly canRunPrograms = $derived.by(() => this.#panel.can('exec'));

  get message(): string {
    return this.#message.text;
  }

  set message(text: string) {
    this.#message.text = text;
  }

  async load(): Promise<void> {
    this.busy = true;
    const [status, branches] = await Promise.all([
      api.runnerCall(this.#panel.runnerId, 'git_status', this.#where),
      api.runnerCall(this.#panel.runnerId, 'git_branches', this.#where),
    ]);
    this.busy = false;
    this.error = status.kind === 'failed' ? status.error : undefined;
    if (status.kind === 'failed') return;
    this.reply = status.value;
    this.branches = branches.kind === 'ok' ? branches.value : undefined;
    this.loads++;
  }

  patchOf({ path }: GitStatusEntry, what: 'index' | 'work_tree'): Patch {
    return new Patch(async (page) => {
      const request = { ...this.#where, path, what, ...page };
      const answer = await api.runnerCall(this.#panel.runnerId, 'git_diff', request);
      if (answer.kind === 'failed') return answer;
      return { ...answer, value: answer.value.diff ?? { patch: '', total: 0, version: '' } };
    });
  }

  stage(paths?: readonly string[]): Promise<boolean> {
    return this.#change('git_stage', { ...this.#where, ...(paths === undefined ? {} : { paths: [...paths] }) });
  }

  unstage(paths?: readonly string[]): Promise<boolean> {
    return this.#change('git_unstage', { ...this.#where, ...(paths === undefined ? {} : { paths: [...paths] }) });
  }

  /** `now`: the content that the person has seen, when it was shown. */
  discard(path: string, now?: string | null): Promise<boolean> {
    const files = [{ path, ...(now === undefined ? {} : { now }) }];
    return this.#change('git_discard', { ...this.#where, files });
  }

  async commit(programs: boolean): Promise<void> {
    const head = this.reply?.repository.head;
    const isDone = await this.#change('git_commit', {
      ...this.#where,
      message: this.message,
      ...(this.staged.length === 0 ? { all: true } : {}),
      ...(head === undefined ? {} : { head }),
      ...(programs ? { programs } : {}),
    });
    if (isDone) this.message = '';
  }

  checkout(branch: string, create = false): Promise<boolean> {
    return this.#change('git_checkout', { ...this.#where, branch, ...(create ? { create } : {}) });
  }

  async #change<M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<boolean> {
    this.busy = true;
    const answer: Promise<ApiResult<unknown>> = api.runnerCall(this.#panel.runnerId, method, request);
    const isDone = await reportResult(answer);
    await this.load();
    return isDone;
  }

  get #where(): Where {
    const { session } = this.#panel;
    return session === undefined ? { cwd: this.#panel.folder } : { sessionId: session.sid };
  }
}
