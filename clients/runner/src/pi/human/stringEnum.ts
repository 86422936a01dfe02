import Type, { type TUnsafe } from 'typebox';

/** A parameter that is one of these words, in the form that every provider takes: an `enum`, not an `anyOf`. */
export function stringEnum<const T extends readonly string[]>(
  words: T,
  options: { description?: string } = {},
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'string', enum: words, ...options });
}
