import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { ErrorInfo } from '@pizzapi/protocol';
import { findModel, modelName, modelProblem } from './models.js';
import { isStandIn } from './unusableModel.js';
import { modelRegistryOf, reloadModels } from './versions/modelRegistry.js';

/** What waits for a model that can be used. */
type Waiting = () => void | Promise<void>;

/**
 * Keeps a session whose model is not there, or has no key, from sending anything until a person chooses a model. Another
 * model is never chosen for them.
 */
export class ModelChoice {
  #waiting: Waiting[] = [];

  constructor(private readonly pi: AgentSession) {
    const set = pi.setModel.bind(pi);
    // Also an extension of the person can choose.
    pi.setModel = async (model) => {
      await set(model);
      await this.#chosen();
    };
  }

  /** Whether a person has to choose a model, as far as we know. */
  get isOpen(): boolean {
    return isStandIn(this.pi.model);
  }

  /** Why nothing can be sent to the model of the session, or undefined. Reads the keys of the person again. */
  problem(): ErrorInfo | undefined {
    const { model } = this.pi;
    if (model === undefined || !isStandIn(model)) return undefined;
    const before = modelProblem(modelRegistryOf(this.pi), modelName(model));
    if (before === undefined) return undefined;
    // pi 0.73 has read them when this returns, pi 1.x a moment later.
    void reloadModels(this.pi);
    return modelProblem(modelRegistryOf(this.pi), modelName(model));
  }

  /** As `problem`; a model that can be used by now takes its place. */
  async settle(): Promise<ErrorInfo | undefined> {
    const { model } = this.pi;
    if (model === undefined || !isStandIn(model)) return undefined;
    await reloadModels(this.pi);
    const registry = modelRegistryOf(this.pi);
    const problem = modelProblem(registry, modelName(model));
    const found = findModel(registry, modelName(model));
    if (problem !== undefined || found === undefined) return problem;
    await this.pi.setModel(found);
    return undefined;
  }

  /** Does this once the session has a model that can be used: now, or when a person has chosen one. */
  async whenUsable(act: Waiting): Promise<void> {
    if (!this.isOpen || (await this.settle()) === undefined) await act();
    else this.#waiting.push(act);
  }

  /** The session has a model that can be used: does what has waited for it. */
  async #chosen(): Promise<void> {
    for (const act of this.#waiting.splice(0)) await act();
  }
}
