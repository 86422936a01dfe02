import type { ErrorInfo, NewSessionBody, RunnerInfo } from '@pizzapi/protocol';
import { api } from '../state/client.js';
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
  model_unknown: 'model',
  model_unauthenticated: 'model',
};

/** How long typing must pause before folders are looked up, in ms. */
const LOOKUP_DELAY = 120;

/** Runners that a session can be started on: nobody starts one in somebody's terminal. */
export const startable = (runners: readonly RunnerInfo[]) => runners.filter(({ kind }) => kind === 'daemon');

export interface Preset {
  runnerId?: string;
  cwd?: string;
  prompt?: string;
}

/** What the new-session dialog holds. One instance per opening. */
export class NewSession {
  readonly #runners: () => readonly RunnerInfo[];
  readonly #preset: Preset;
  runnerId = $state('');
  cwd = $state('');
  model = $state('');
  name = $state('');
  prompt = $state('');
  busy = $state(false);
  error = $state.raw<ErrorInfo>();
  folders = $state.raw<readonly string[]>([]);
  readonly runner = $derived(this.#find(this.runnerId));
  readonly errorField = $derived<Field | undefined>(this.error && FIELD_OF[this.error.code]);
  #lookup: ReturnType<typeof setTimeout> | undefined;

  constructor(runners: () => readonly RunnerInfo[], preset: Preset) {
    this.#runners = runners;
    this.#preset = preset;
    this.cwd = preset.cwd ?? '';
    this.prompt = preset.prompt ?? '';
    this.chooseFirst();
  }

  /** Chooses a runner where there was none to choose yet: they may be told of after the dialog has opened. */
  chooseFirst(): void {
    if (this.runnerId !== '') return;
    const all = startable(this.#runners());
    const online = all.filter(({ online }) => online === true);
    const remembered = storage.get('runner');
    const wished = all.find(({ runnerId }) => runnerId === this.#preset.runnerId);
    const first = wished ?? online.find(({ runnerId }) => runnerId === remembered) ?? online[0] ?? all[0];
    if (first === undefined) return;
    const { cwd } = this;
    this.chooseRunner(first.runnerId);
    if (cwd !== '') this.cwd = cwd;
  }

  /** Folder and model follow the runner: what was used on it last, else its own defaults. */
  chooseRunner(runnerId: string): void {
    this.runnerId = runnerId;
    const runner = this.#find(runnerId);
    this.cwd = runner?.recentFolders[0] ?? runner?.roots[0] ?? '';
    const remembered = storage.get(`model.${runnerId}`);
    const known = runner?.models.find(({ model, available }) => model === remembered && available);
    this.model = known?.model ?? runner?.defaultModel ?? '';
    this.folders = [];
  }

  /** Looks up the folders that begin like what has been typed. The last lookup wins. */
  complete(path: string): void {
    this.cwd = path;
    if (this.errorField === 'cwd') this.error = undefined;
    clearTimeout(this.#lookup);
    const { runnerId } = this;
    this.#lookup = setTimeout(() => void this.#complete(runnerId, path), LOOKUP_DELAY);
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
    storage.set('runner', this.runnerId);
    storage.set(`model.${this.runnerId}`, this.model);
    return reply.value.sessionId;
  }

  #body(): NewSessionBody {
    const optional = { cwd: this.cwd.trim(), model: this.model, name: this.name.trim(), prompt: this.prompt.trim() };
    const given = Object.entries(optional).filter(([, value]) => value !== '');
    return { runnerId: this.runnerId, ...Object.fromEntries(given) };
  }

  async #complete(runnerId: string, path: string): Promise<void> {
    const found = await api.folders(runnerId, path);
    if (this.cwd === path && this.runnerId === runnerId) this.folders = found.kind === 'ok' ? found.value.folders : [];
  }

  #find(runnerId: string): RunnerInfo | undefined {
    return this.#runners().find((runner) => runner.runnerId === runnerId);
  }
}
