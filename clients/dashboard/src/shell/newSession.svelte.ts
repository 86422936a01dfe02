import type { ErrorInfo, NewSessionBody, RunnerInfo } from '@pizzapi/protocol';
import { HostFolder } from '../hosts/hostFolder.svelte.js';
import type { NewSessionPreset } from '../state/app.svelte.js';
import { api } from '../state/client.js';
import { draftField, drafts } from '../state/drafts.svelte.js';
import { storage } from '../state/storage.js';

/** Fields of the dialog that an error can stand beside. */
export type Field = 'runnerId' | 'cwd' | 'model' | 'prompt';

const FIELD_OF: Readonly<Record<string, Field>> = {
  runner_not_found: 'runnerId',
  host_lost: 'runnerId',
  too_many_sessions: 'runnerId',
  cwd_not_found: 'cwd',
  cwd_not_a_folder: 'cwd',
  cwd_outside_roots: 'cwd',
  git_no_repository: 'cwd',
  git_outside_roots: 'cwd',
  git_failed: 'cwd',
  model_unknown: 'model',
  model_unauthenticated: 'model',
};

/** Runners that a session can be started on: nobody starts one in somebody's terminal. */
export const startable = (runners: readonly RunnerInfo[]) => runners.filter(({ kind }) => kind === 'daemon');

const PROMPT = 'new.prompt';
const NAME = 'new.name';
const FOLDER = 'new.folder';
const RUNNER = 'new.runner';
const GOAL = 'new.goal';

/** What the new-session dialog holds. One instance per opening; what a person types outlives it, until it is sent. */
export class NewSession {
  readonly #runners: () => readonly RunnerInfo[];
  readonly #preset: NewSessionPreset;
  /** False while the prompt is a suggestion that replaces none of the person's own words. */
  readonly #keepsPrompt: boolean;
  runnerId = $state('');
  model = $state('');
  readonly #name = draftField(NAME);
  #prompt = $state('');
  planMode = $state(false);
  #asks = $state(false);
  readonly #goal = draftField(GOAL);
  hasGoal = $state(false);
  #ownWorktree = $state(false);
  busy = $state(false);
  error = $state.raw<ErrorInfo>();
  readonly runner = $derived(this.#find(this.runnerId));
  /** The runner starts sessions whose modes a person can change. */
  readonly hasModes = $derived(this.runner?.approvals !== undefined);
  /** The runner makes work trees. */
  readonly hasWorktrees = $derived(this.runner?.git !== undefined);
  /** Every session of the runner begins with approvals. */
  readonly alwaysAsks = $derived(this.runner?.approvals === 'ask');
  readonly errorField = $derived<Field | undefined>(this.error && FIELD_OF[this.error.code]);
  readonly folder = new HostFolder(
    () => this.runner,
    (path) => {
      drafts.set(FOLDER, path);
      drafts.set(RUNNER, this.runnerId);
      if (this.errorField === 'cwd') this.error = undefined;
    },
  );

  constructor(runners: () => readonly RunnerInfo[], preset: NewSessionPreset) {
    this.#runners = runners;
    this.#preset = preset;
    this.folder.path = preset.cwd ?? drafts.get(FOLDER) ?? '';
    const written = drafts.get(PROMPT) ?? '';
    this.#keepsPrompt = preset.prompt === undefined || written === '';
    this.#prompt = preset.prompt ?? written;
    this.chooseFirst();
  }

  get prompt(): string {
    return this.#prompt;
  }

  set prompt(text: string) {
    this.#prompt = text;
    if (this.#keepsPrompt) drafts.set(PROMPT, text);
  }

  /** The agent asks for approval before it changes something. */
  get asks(): boolean {
    return this.alwaysAsks || this.#asks;
  }

  set asks(asks: boolean) {
    this.#asks = asks;
  }

  /** The session gets a branch and a work tree of its own. */
  get ownWorktree(): boolean {
    return this.hasWorktrees && this.#ownWorktree;
  }

  set ownWorktree(own: boolean) {
    this.#ownWorktree = own;
  }

  get goal(): string {
    return this.#goal.text;
  }

  set goal(goal: string) {
    this.#goal.text = goal;
  }

  get name(): string {
    return this.#name.text;
  }

  set name(name: string) {
    this.#name.text = name;
  }

  /** Chooses a runner where there was none to choose yet: they may be told of after the dialog has opened. */
  chooseFirst(): void {
    if (this.runnerId !== '') return;
    const all = startable(this.#runners());
    const online = all.filter(({ online }) => online === true);
    const remembered = storage.get('runner');
    const written = this.#preset.cwd === undefined ? drafts.get(RUNNER) : undefined;
    const wished = all.find(({ runnerId }) => runnerId === (this.#preset.runnerId ?? written));
    const first = wished ?? online.find(({ runnerId }) => runnerId === remembered) ?? online[0] ?? all[0];
    if (first === undefined) return;
    const { path } = this.folder;
    this.#use(first.runnerId);
    if (path !== '') this.folder.path = path;
  }

  /** Folder and model follow the runner: what was used on it last, else its own defaults. */
  chooseRunner(runnerId: string): void {
    drafts.drop(FOLDER);
    drafts.drop(RUNNER);
    this.#use(runnerId);
  }

  #use(runnerId: string): void {
    this.runnerId = runnerId;
    const runner = this.#find(runnerId);
    const remembered = storage.get(`model.${runnerId}`);
    const known = runner?.models.find(({ model, available }) => model === remembered && available);
    this.model = known?.model ?? runner?.defaultModel ?? '';
    this.folder.begin();
  }

  /** The session's id, or undefined when it could not be started: then `error` says why. */
  async submit(): Promise<string | undefined> {
    if (this.busy) return undefined;
    this.busy = true;
    this.error = undefined;
    const reply = await api.createSession(this.#body());
    this.busy = false;
    if (reply.kind === 'failed') {
      this.error = reply.error;
      return undefined;
    }
    for (const key of [NAME, ...(this.hasGoal ? [GOAL] : []), FOLDER, RUNNER, ...(this.#keepsPrompt ? [PROMPT] : [])])
      drafts.drop(key);
    if (this.#preset.takenFrom !== undefined) drafts.drop(this.#preset.takenFrom);
    storage.set('runner', this.runnerId);
    storage.set(`model.${this.runnerId}`, this.model);
    return reply.value.sessionId;
  }

  #body(): NewSessionBody {
    const optional = {
      cwd: this.folder.path.trim(),
      model: this.model,
      name: this.name.trim(),
      prompt: this.prompt.trim(),
    };
    const given = Object.entries(optional).filter(([, value]) => value !== '');
    return {
      runnerId: this.runnerId,
      ...Object.fromEntries(given),
      ...(this.ownWorktree ? { worktree: {} } : {}),
      ...(this.hasModes ? this.#modes() : {}),
    };
  }

  #modes(): Pick<NewSessionBody, 'approvals' | 'planMode' | 'goal'> {
    const description = this.goal.trim();
    return {
      ...(this.asks && !this.alwaysAsks ? { approvals: 'ask' } : {}),
      ...(this.planMode ? { planMode: true } : {}),
      ...(this.hasGoal && description !== '' ? { goal: { description } } : {}),
    };
  }

  #find(runnerId: string): RunnerInfo | undefined {
    return this.#runners().find((runner) => runner.runnerId === runnerId);
  }
}
