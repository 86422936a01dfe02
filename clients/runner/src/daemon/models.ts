import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { listModels, noKeyError, type ModelList } from '../pi/index.js';

/** The files of pi's folder that decide which models there are, and with which keys. */
const FILES = ['auth.json', 'models.json', 'settings.json'];

/** The models of the person's pi, read again whenever pi's files have changed. */
export class ModelCatalog {
  private stamp = '';
  private list: ModelList = { models: [], defaultModel: '' };
  private reading: Promise<boolean> = Promise.resolve(false);

  constructor(private readonly agentDir: string) {}

  get current(): ModelList {
    return this.list;
  }

  /** Reads the models if their files changed since; true when the list is another one now. */
  refresh(): Promise<boolean> {
    this.reading = this.reading.catch(() => false).then(() => this.read());
    return this.reading;
  }

  /** Why a session cannot start with this model, or undefined. No model is the default one, which always works. */
  async problem(model: string | undefined): Promise<ErrorInfo | undefined> {
    if (model === undefined) return undefined;
    await this.refresh();
    const found = this.list.models.find((known) => known.model === model);
    if (found === undefined) return errorInfo('model_unknown', `There is no model "${model}"`);
    return found.available ? undefined : noKeyError(model, this.list.unset?.[model]);
  }

  private async read(): Promise<boolean> {
    const stamp = await this.stampOf();
    if (stamp === this.stamp) return false;
    const before = JSON.stringify(this.list);
    this.list = await listModels(this.agentDir, { all: true });
    this.stamp = stamp;
    return JSON.stringify(this.list) !== before;
  }

  private async stampOf(): Promise<string> {
    const stamps = FILES.map(async (name) => {
      const found = await stat(join(this.agentDir, name)).catch(() => undefined);
      return found === undefined ? '-' : `${found.mtimeMs}.${found.size}`;
    });
    return (await Promise.all(stamps)).join(' ');
  }
}
