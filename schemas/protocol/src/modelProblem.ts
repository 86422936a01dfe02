import type { MetaModelInfo } from './meta.js';

/** What people read about the model of a session when it cannot be used, or undefined. Has no full stop at the end. */
export function modelProblemText(model: MetaModelInfo | null): string | undefined {
  if (model?.problem === undefined) return undefined;
  const name = `${model.provider}/${model.id}`;
  if (model.problem === 'model_unknown') return `The runner has no model ${name}`;
  if (model.problem === 'model_unauthenticated') return `The runner has no key for ${name}`;
  return `The model ${name} cannot be used`;
}
