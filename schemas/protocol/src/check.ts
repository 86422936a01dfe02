import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** Says whether a value has the shape of a schema, and where it first differs. */
export interface Checker<T> {
  (value: unknown): value is T;
  /** `/args/text must be string`, or undefined when the value is right. */
  problem(value: unknown): string | undefined;
}

/** A compiled checker. Compiled on first use: a browser that only folds never pays for it. */
export function checker<S extends TSchema>(schema: S): Checker<Static<S>> {
  let compiled: ReturnType<typeof Compile<S>> | undefined;
  const get = () => (compiled ??= Compile(schema));
  const check = (value: unknown): value is Static<S> => get().Check(value);
  const problem = (value: unknown): string | undefined => {
    const [first] = get().Errors(value);
    return first === undefined ? undefined : `${first.instancePath || '/'} ${first.message}`;
  };
  return Object.assign(check, { problem });
}
