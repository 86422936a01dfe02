import { errorInfo, THINKING_LEVELS, type RunnerModel, type ThinkingLevel } from '@pizzapi/protocol';
import { EXIT, Failure, toSafeLine } from './io.js';

/** A model as a person names it. */
export interface NamedModel {
  model?: string;
  provider?: string;
}

/**
 * The runner's name of a model, and the level of thinking that its name ended with (`sonnet:high`). A model that the
 * runner does not list is left as it was named: the runner says what is wrong.
 */
export function resolveModel(
  { model, provider }: NamedModel,
  models: readonly RunnerModel[],
): { model?: string; thinkingLevel?: ThinkingLevel } {
  if (model === undefined) return {};
  const whole = lookUp(model, provider, models);
  if (whole !== undefined) return { model: whole };
  const colon = model.lastIndexOf(':');
  const level = THINKING_LEVELS.find((known) => known === model.slice(colon + 1));
  if (colon < 1 || level === undefined) return { model: full(model, provider) };
  const name = model.slice(0, colon);
  return { model: lookUp(name, provider, models) ?? full(name, provider), thinkingLevel: level };
}

const full = (model: string, provider: string | undefined) =>
  provider === undefined || model.startsWith(`${provider}/`) ? model : `${provider}/${model}`;

function lookUp(model: string, provider: string | undefined, models: readonly RunnerModel[]): string | undefined {
  const name = full(model, provider);
  if (models.some((known) => known.model === name)) return name;
  if (provider !== undefined) return undefined;
  // The id alone is enough where only one provider has it, or only one that there is a key for.
  const fitting = models.filter((known) => known.model.slice(known.model.indexOf('/') + 1) === model);
  const usable = fitting.filter(({ available }) => available);
  const [only, ...others] = usable.length > 0 ? usable : fitting;
  if (others.length === 0) return only?.model;
  const names = [only!, ...others].map((known) => known.model).join(', ');
  const what = `Several providers have "${toSafeLine(model, 80)}": name one of ${names}`;
  throw new Failure(errorInfo('bad_option', what), EXIT.usage);
}
