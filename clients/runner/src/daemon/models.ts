import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivateFile, writePrivateJson, type Logger } from '@pizzapi/process';
import {
  errorInfo,
  isMap,
  isRunnerEvent,
  mapAt,
  stringAt,
  toErrorInfo,
  type ErrorInfo,
  type RunnerResources,
} from '@pizzapi/protocol';
import type { ModelList } from '../ipc/messages.js';
import { noKeyError } from '../noKeyError.js';

/**
 * What of pi's folder decides which models there are, with which keys, and what pi loads. A folder changes when something is
 * added to it or removed from it: a skill that is rewritten counts at the next answer.
 */
const FILES = ['auth.json', 'models.json', 'settings.json', 'skills', 'extensions'];

export interface ModelCatalogDeps {
  /** pi's own folder. */
  agentDir: string;
  /** Asks a process with pi in it. Rejects when none starts. */
  ask: (agentDir: string) => Promise<ModelList>;
  /** Which pi answers. */
  pi: () => string;
  /** Where the last answer is kept for the next start. */
  file: string;
  log: Logger;
}

/** The last answer, and the state of pi's files that it was the answer to. */
interface KeptAnswer {
  stamp: string;
  list: ModelList;
}

/** The models of the person's pi and what it loads, asked for again whenever pi's files have changed. */
export class ModelCatalog {
  private stamp = '';
  private list: ModelList | undefined;
  private reading: Promise<void> = Promise.resolve();
  /** Called with another list, whatever the reason why pi was asked. */
  onChange: (list: ModelList) => void = () => undefined;
  /** The same of what pi loads. */
  onResources: (resources: RunnerResources) => void = () => undefined;

  constructor(private readonly deps: ModelCatalogDeps) {}

  /** The last answer, also while pi does not answer. */
  get current(): ModelList {
    return this.list ?? { models: [], defaultModel: '' };
  }

  /**
   * Makes `current` known for the first time. The answer that is kept is taken as it is while pi's files are the same,
   * so that a runner starts without waiting for pi; the next `refresh` asks all the same. Rejects when pi does not
   * answer and there is no earlier answer.
   */
  async load(): Promise<void> {
    const kept = parseAnswer(await readPrivateFile(this.deps.file));
    this.list = kept?.list;
    if (kept !== undefined && kept.stamp === (await this.stampOf())) return;
    await this.refresh().catch((error: unknown) => {
      if (this.list === undefined) throw error;
      this.deps.log.warn({ err: error }, 'pi did not list its models; the models of the last start are used');
    });
  }

  /** Asks for the models if pi or its files changed since. Rejects without an answer. */
  refresh(): Promise<void> {
    this.reading = this.reading.catch(() => undefined).then(() => this.read());
    return this.reading;
  }

  /** Why a session cannot start with this model, or undefined. No model is the default one, which always works. */
  async problem(model: string | undefined): Promise<ErrorInfo | undefined> {
    if (model === undefined) return undefined;
    try {
      await this.refresh();
    } catch (error) {
      this.deps.log.warn({ err: error }, 'pi did not list its models');
      if (this.list === undefined) return toErrorInfo(error);
    }
    const found = this.current.models.find((known) => known.model === model);
    if (found === undefined) return errorInfo('model_unknown', `There is no model "${model}"`);
    return found.available ? undefined : noKeyError(model, this.current.unset?.[model]);
  }

  private async read(): Promise<void> {
    const stamp = await this.stampOf();
    if (stamp === this.stamp) return;
    const before = this.list;
    const list = await this.deps.ask(this.deps.agentDir);
    this.list = list;
    this.stamp = stamp;
    if (!isSame(withoutResources(list), withoutResources(before))) this.onChange(list);
    if (!isSame(list.resources, before?.resources)) this.onResources(list.resources ?? {});
    // Without it the next start asks before it begins.
    await writePrivateJson(this.deps.file, { stamp, list } satisfies KeptAnswer).catch((error: unknown) =>
      this.deps.log.warn({ err: error }, 'the list of models could not be kept'),
    );
  }

  private async stampOf(): Promise<string> {
    const stamps = FILES.map(async (name) => {
      const found = await stat(join(this.deps.agentDir, name)).catch(() => undefined);
      return found === undefined ? '-' : `${found.mtimeMs}.${found.size}`;
    });
    return [this.deps.pi(), this.deps.agentDir, ...(await Promise.all(stamps))].join(' ');
  }
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
const withoutResources = (list: ModelList | undefined) => ({ ...list, resources: undefined });

function parseAnswer(value: unknown): KeptAnswer | undefined {
  if (!isMap(value)) return undefined;
  const event: unknown = { type: 'models_changed', at: 0, ...mapAt(value, 'list') };
  const stamp = stringAt(value, 'stamp');
  if (stamp === undefined || !isRunnerEvent(event) || event.type !== 'models_changed') return undefined;
  const resources: unknown = { type: 'resources_changed', at: 0, ...mapAt(mapAt(value, 'list') ?? {}, 'resources') };
  const list = { models: event.models, defaultModel: event.defaultModel };
  if (!isRunnerEvent(resources) || resources.type !== 'resources_changed') return { stamp, list };
  const { skills, agents, plugins } = resources;
  return { stamp, list: { ...list, ...(skills === undefined ? {} : { resources: { skills, agents, plugins } }) } };
}
