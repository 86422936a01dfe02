import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { errorInfo, type SessionEvent, type ThinkingLevel } from '@pizzapi/protocol';
import { authSource, findModel, freshModelProblem, modelName, toMetaModel, type PiModel } from './models.js';
import { ModelChoice } from './modelChoice.js';
import type { SessionParts } from './parts.js';
import { toPiThinkingLevel } from './thinkingLevels.js';
import { modelRegistryOf } from './versions/modelRegistry.js';
import type { Outcome } from './types.js';
import { UsageMeter } from './usage.js';

/** The model of a session, its thinking level, its login, and what it has used. */
export class ModelSettings {
  readonly #usage = new UsageMeter();
  readonly choice: ModelChoice;

  constructor(
    private readonly pi: AgentSession,
    private readonly parts: Pick<SessionParts, 'providerUsage'>,
    private readonly emit: (event: SessionEvent) => void,
  ) {
    this.choice = new ModelChoice(pi);
  }

  /** `provider/id`, or nothing where there is no model. */
  get model(): string {
    return this.pi.model === undefined ? '' : modelName(this.pi.model);
  }

  async setModel(name: string): Promise<Outcome<{ model: string }>> {
    const error = await freshModelProblem(this.pi, name);
    const modelRegistry = modelRegistryOf(this.pi);
    const model = findModel(modelRegistry, name);
    if (model === undefined || error !== undefined)
      return { kind: 'failed', error: error ?? errorInfo('model_unknown', `There is no model "${name}"`) };
    await this.pi.setModel(model);
    return { kind: 'ok', model: name };
  }

  setThinkingLevel(level: ThinkingLevel): Outcome<{ level: ThinkingLevel }> {
    const ofPi = toPiThinkingLevel(level);
    if (ofPi === undefined) {
      return { kind: 'failed', error: errorInfo('command_invalid', `There is no thinking level "${level}"`) };
    }
    this.pi.setThinkingLevel(ofPi);
    return { kind: 'ok', level: this.pi.thinkingLevel };
  }

  /** Reports which model, thinking level and login the session has now, and what it has used. */
  report(): void {
    const { pi } = this;
    const at = Date.now();
    const model = pi.model as PiModel | undefined;
    const problem = this.choice.problem()?.code;
    this.emit({ type: 'model_changed', at, model: model === undefined ? null : toMetaModel(model, problem) });
    this.emit({ type: 'thinking_level_changed', at, level: pi.thinkingLevel });
    const source = model === undefined ? null : authSource(modelRegistryOf(pi), model);
    this.emit({ type: 'auth_source_changed', at, source });
    this.reportUsage();
  }

  /** Adds what pi has recorded since, in answers and beside them, and reports the sum. */
  reportUsage(): void {
    this.#usage.addNew(this.pi.sessionManager.getEntries());
    const tokenUsage = this.#usage.read(this.pi.getContextUsage());
    const { providerUsage } = this.parts;
    const limits = providerUsage === undefined ? {} : { providerUsage };
    this.emit({ type: 'token_usage_updated', at: Date.now(), tokenUsage, ...limits });
  }
}
