import { errorInfo, THINKING_LEVELS, type RunnerModel, type ThinkingLevel } from '@pizzapi/protocol';
import { EXIT, Failure, toSafeLine } from './io.js';

/** A model in the form in which a person typed it. */
export interface NamedModel {
  model?: string;
  provider?: string;
}

/**
 * Returns the runner's name of a model, and the thinking level at the end of the typed name (`sonnet:high`). Returns a
 * model that the runner does not list unchanged, because the runner reports the error.
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
  // The id alone is sufficient when only one provider has it, or only one that has a key.
  const fitting = models.filter((known) => known.model.slice(known.model.indexOf('/') + 1) === model);
  const usable = fitting.filter(({ available }) => available);
  const [only, ...others] = usable.length > 0 ? usable : fitting;
  if (others.length === 0) return only?.model;
  const names = [only!, ...others].map((known) => known.model).join(', ');
  const what = `Several providers have "${toSafeLine(model, 80)}": name one of ${names}`;
  throw new Failure(errorInfo('bad_option', what), EXIT.usage);
}
