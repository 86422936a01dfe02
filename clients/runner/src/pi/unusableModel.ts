import type { ErrorInfo } from '@pizzapi/protocol';
import { findModel, modelProblem, type PiModel, type Registry } from './models.js';

/** No provider has this interface, so that pi can send nothing to such a model. */
const NO_API = 'pizzapi-unusable';

/** Whether a model only keeps the place of one that is not there, or that has no key. */
export const isStandIn = (model: Pick<PiModel, 'api'> | undefined): boolean => model?.api === NO_API;

/**
 * Keeps the place of a model that cannot be used, by its name. pi by itself would choose another one, which the person
 * did not ask for and may have to pay. Nothing can be sent to a stand-in.
 */
function standInFor(registry: Registry, name: string): PiModel {
  const slash = name.indexOf('/');
  const [provider, id] = slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)];
  const unknown = {
    ...{ provider, id, name: id, reasoning: true, input: ['text' as const] },
    ...{ cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 0, maxTokens: 0 },
    thinkingLevelMap: { xhigh: 'xhigh' },
  };
  return { ...unknown, ...findModel(registry, name), api: NO_API, baseUrl: '' };
}

/** The model of this name; where it cannot be used, a stand-in, and why. */
export function modelOrStandIn(registry: Registry, name: string): { model: PiModel; problem: ErrorInfo | undefined } {
  const problem = modelProblem(registry, name);
  const found = problem === undefined ? findModel(registry, name) : undefined;
  if (found !== undefined) return { model: found, problem: undefined };
  // What an extension submits by itself comes as far as this.
  const request = registry.getApiKeyAndHeaders.bind(registry);
  registry.getApiKeyAndHeaders = async (model) =>
    isStandIn(model) ? { ok: false, error: chooseModelText(problem?.message ?? name) } : request(model);
  return { model: standInFor(registry, name), problem };
}

/** What people read about a session whose model cannot be used. `problem` ends with what to do. */
export const chooseModelText = (problem: string): string => `${problem} Until then, nothing is sent to a model.`;
