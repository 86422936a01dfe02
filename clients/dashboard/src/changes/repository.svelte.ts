import type { ErrorInfo, GitStatusEntry, MethodReply, MethodRequest, RunnerMethod } from '@pizzapi/protocol';
import type { ApiResult } from '@pizzapi/session-client';
import { api } from '../state/client.js';
import { draftField } from '../state/drafts.svelte.js';
import type { HostPanel } from '../state/hostPanel.svelte.js';
import { reportResult } from '../state/reportResult.js';
import { Patch } from './patch.svelte.js';

/** The repository that a panel shows: that of the folder of its session, or of its host. */
export const repositoryRef = ({ session, folder }: HostPanel): { sessionId: string } | { cwd: string } =>
  session === undefined ? { cwd: folder } : { sessionId: session.sid };

/** The diff of one file between the sides that a request names. */
export function diffPatch(panel: HostPanel, sides: Pick<MethodRequest<'git_diff'>, 'path' | 'what' | 'to'>): Patch {
  return new Patch(async (page) => {
    const request = { ...repositoryRef(panel), ...sides, ...page };
    const answer = await api.runnerCall(panel.runnerId, 'git_diff', request);
    if (answer.kind === 'failed') return answer;
    return { ...answer, value: answer.value.diff ?? { patch: '', total: 0, version: '' } };
  });
}

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
    return diffPatch(this.#panel, { path, what });
  }

  stage(paths?: readonly string[]): Promise<boolean> {
    return this.#change('git_stage', { ...this.#where, ...(paths === undefined ? {} : { paths: [...paths] }) });
  }

  unstage(paths?: readonly string[]): Promise<boolean> {
    return this.#change('git_unstage', { ...this.#where, ...(paths === undefined ? {} : { paths: [...paths] }) });
  }

  /** `patch`: the diff that the hunk was shown in. */
  stageHunk(path: string, patch: Patch, hunk: string): Promise<boolean> {
    return this.#changeHunk('git_stage_hunk', path, patch, hunk);
  }

  unstageHunk(path: string, patch: Patch, hunk: string): Promise<boolean> {
    return this.#changeHunk('git_unstage_hunk', path, patch, hunk);
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

  async #changeHunk(
    method: 'git_stage_hunk' | 'git_unstage_hunk',
    path: string,
    { about: { was, now } }: Patch,
    hunk: string,
  ): Promise<boolean> {
    // One at a time: each moves the lines of the others.
    if (this.busy || was === undefined || now === undefined) return false;
    return this.#change(method, { ...this.#where, path, was, now, hunk });
  }

  async #change<M extends RunnerMethod>(method: M, request: MethodRequest<M>): Promise<boolean> {
    this.busy = true;
    const answer: Promise<ApiResult<unknown>> = api.runnerCall(this.#panel.runnerId, method, request);
    const isDone = await reportResult(answer);
    await this.load();
    return isDone;
  }

  get #where(): ReturnType<typeof repositoryRef> {
    return repositoryRef(this.#panel);
  }
}
