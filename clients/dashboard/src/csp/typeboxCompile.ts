import type { Static, TSchema } from 'typebox';
import { Check, Errors } from 'typebox/schema';

/**
 * Stands in for `typebox/compile` in the page (see vite.config.ts). That one writes code and evaluates it, which the
 * page's policy forbids, and is most of typebox's weight; a page checks little, and reads the schema instead.
 */
export function Compile<S extends TSchema>(schema: S) {
  return {
    Check: (value: unknown): value is Static<S> => Check(schema, value),
    Errors: (value: unknown) => Errors(schema, value)[1],
  };
}
