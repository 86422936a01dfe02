import { isMap } from '../json.js';

type Schema = Readonly<Record<string, unknown>>;

const asSchema = (value: unknown): Schema => (isMap(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/**
 * Why a value of one of two schemas is not always a value of the other one, so that two releases that lie one apart cannot read
 * each other. Additions are no problem: an optional field, one more variant, one more definition.
 */
export function schemaProblems(before: unknown, after: unknown, at: string): string[] {
  const [old, now] = [asSchema(before), asSchema(after)];
  const variants = listOf(old['anyOf']);
  if (variants.length > 0) {
    const choices = listOf(now['anyOf']).length > 0 ? listOf(now['anyOf']) : [now];
    return variants.flatMap((variant, i) =>
      fewest(
        choices.map((one) => schemaProblems(variant, one, `${at}|${i}`)),
        at,
      ),
    );
  }
  // A schema that has become one of several variants still reads what it read.
  const choices = listOf(now['anyOf']);
  if (choices.length > 0)
    return fewest(
      choices.map((one) => schemaProblems(old, one, at)),
      at,
    );
  return [...typeProblems(old, now, at), ...boundProblems(old, now, at), ...fieldProblems(old, now, at)];
}

const fewest = (found: string[][], at: string): string[] =>
  found.toSorted((a, b) => a.length - b.length)[0] ?? [`${at} has no variant`];

function typeProblems(old: Schema, now: Schema, at: string): string[] {
  const problems: string[] = [];
  if (old['type'] !== now['type']) problems.push(`${at}: ${String(old['type'])} became ${String(now['type'])}`);
  if (JSON.stringify(old['const']) !== JSON.stringify(now['const']))
    problems.push(`${at}: ${JSON.stringify(old['const'])} became ${JSON.stringify(now['const'])}`);
  const values = listOf(now['enum']);
  if (values.length > 0)
    for (const value of listOf(old['enum']))
      if (!values.includes(value)) problems.push(`${at}: ${String(value)} is gone`);
  return problems;
}

const UPPER = ['maxLength', 'maximum', 'maxItems'];
const LOWER = ['minLength', 'minimum', 'minItems'];

function boundProblems(old: Schema, now: Schema, at: string): string[] {
  const numberOf = (schema: Schema, key: string, without: number): number => {
    const value = schema[key];
    return typeof value === 'number' ? value : without;
  };
  const lowered = UPPER.filter((key) => numberOf(now, key, Infinity) < numberOf(old, key, Infinity));
  const raised = LOWER.filter((key) => numberOf(now, key, -Infinity) > numberOf(old, key, -Infinity));
  const problems = [...lowered, ...raised].map((key) => `${at}: ${key} is tighter`);
  if (now['pattern'] !== undefined && now['pattern'] !== old['pattern']) problems.push(`${at}: another pattern`);
  return problems;
}

function fieldProblems(old: Schema, now: Schema, at: string): string[] {
  const [fields, nowFields] = [asSchema(old['properties']), asSchema(now['properties'])];
  const [required, nowRequired] = [listOf(old['required']), listOf(now['required'])];
  const problems = [
    ...nowRequired.filter((key) => !required.includes(key)).map((key) => `${at}.${String(key)} is required now`),
    ...required
      .filter((key) => !nowRequired.includes(key))
      .map((key) => `${at}.${String(key)} is not required any more`),
  ];
  if (old['additionalProperties'] === false)
    for (const key of Object.keys(nowFields))
      if (!(key in fields)) problems.push(`${at}.${key} is refused by the release before`);
  for (const [key, field] of Object.entries(fields))
    if (key in nowFields) problems.push(...schemaProblems(field, nowFields[key], `${at}.${key}`));
  if (old['items'] !== undefined) problems.push(...schemaProblems(old['items'], now['items'], `${at}[]`));
  return problems;
}
