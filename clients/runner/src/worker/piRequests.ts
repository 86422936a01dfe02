import { CodedError } from '@pizzapi/protocol';
import type { LoadedPi } from '../installation/types.js';
import type { ImportRequest, ImportSummary, ModelList } from '../ipc/messages.js';
import { listModels, listResources, readPiSessionFile } from '../pi/index.js';
import { jsonLines } from './jsonLines.js';
import { refusal } from '../ipc/refusal.js';

/** Answers what the daemon and the command line ask of pi itself. They load no pi. */
export class PiRequests {
  private parts: Iterator<Uint8Array> | undefined;
  private listing: Promise<unknown> = Promise.resolve();

  constructor(
    readonly pi: LoadedPi,
    private readonly prepared: Promise<void>,
  ) {}

  async describe(): Promise<LoadedPi> {
    await this.prepared;
    return this.pi;
  }

  async models(agentDir: string): Promise<ModelList> {
    await this.prepared;
    const list = listModels(agentDir, { all: true });
    // A runner without its skills is of use; one without models is not.
    const resources = listResources(agentDir).catch(() => undefined);
    this.listing = Promise.allSettled([list, resources]);
    const [models, loaded] = await Promise.all([list, resources]);
    return { ...models, ...(loaded === undefined ? {} : { resources: loaded }) };
  }

  /** Resolves when no list of models is being made: pi keeps its providers once for the whole process. */
  async settled(): Promise<void> {
    await this.listing;
  }

  async import({ file, userId, runnerId, salvage }: ImportRequest): Promise<ImportSummary> {
    // The epoch is not known before the file is known to be good: the reader sets it.
    const options = { userId, runnerId, salvage, epoch: 0, piVersion: this.pi.version };
    const outcome = readPiSessionFile(file, options);
    if (outcome.kind === 'invalid') throw refusal({ code: outcome.code, message: outcome.message });
    const { kind: _kind, events, ...summary } = outcome;
    this.parts = jsonLines(events);
    return { ...summary, events: events.length };
  }

  async imported(): Promise<Uint8Array> {
    if (this.parts === undefined) throw new CodedError('command_invalid', 'No file was read');
    const next = this.parts.next();
    if (next.done !== true) return next.value;
    this.parts = undefined;
    return new Uint8Array(0);
  }
}
