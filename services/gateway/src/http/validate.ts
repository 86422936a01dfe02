import { checker, type Checker } from '@pizzapi/protocol';
import type { FastifySchemaCompiler } from 'fastify';
import type Type from 'typebox';

type Values = Record<string, unknown>;

/**
 * Requests are checked with the contract's own checkers. Bodies are taken as they are, nothing is coerced or left out;
 * of a query, which is all text, the whole numbers are read.
 */
export const validatorCompiler: FastifySchemaCompiler<Type.TSchema> = ({ schema, httpPart }) => {
  const check: Checker<unknown> = checker(schema);
  return (given: unknown) => {
    const value = httpPart === 'querystring' ? withNumbers(schema, given as Values) : given;
    const problem = check.problem(value);
    return problem === undefined ? { value } : { error: new Error(problem) };
  };
};

function withNumbers(schema: Type.TSchema, given: Values): Values {
  const { properties } = schema as { properties?: Record<string, { type?: string }> };
  const read = ([key, value]: [string, unknown]): [string, unknown] => {
    const whole = properties?.[key]?.type === 'integer' && typeof value === 'string' && /^\d{1,15}$/.test(value);
    return [key, whole ? Number(value) : value];
  };
  return Object.fromEntries(Object.entries(given).map(read));
}
