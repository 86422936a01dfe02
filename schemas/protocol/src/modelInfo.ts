import Type, { type Static } from 'typebox';

/** A model as its provider and its id there. Elsewhere it is one text, `provider/id`. */
export const ModelInfo = Type.Object({
  provider: Type.String({ minLength: 1 }),
  id: Type.String({ minLength: 1 }),
  name: Type.Optional(Type.String()),
});
export type ModelInfo = Static<typeof ModelInfo>;

/** Returns the parts of `provider/id`. The id may have a slash, too. Null for a text that is not of this form. */
export function modelInfoOf(model: string, name?: string): ModelInfo | null {
  const at = model.indexOf('/');
  if (at <= 0 || at === model.length - 1) return null;
  return { provider: model.slice(0, at), id: model.slice(at + 1), ...(name === undefined ? {} : { name }) };
}

/** Returns `provider/id` for a model in either form, and an empty text for none. Every reader of `model` uses it. */
export function modelText(model: string | Pick<ModelInfo, 'provider' | 'id'> | null): string {
  if (model === null) return '';
  return typeof model === 'string' ? model : `${model.provider}/${model.id}`;
}
