import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** Checks a value against a schema and reports the first difference. */
export interface Checker<T> {
  (value: unknown): value is T;
  /** Returns a text such as `/args/text must be string`, or undefined when the value is valid. */
  problem(value: unknown): string | undefined;
}

/** Returns a checker that compiles on first use, so that a browser that only folds events never compiles it. */
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
