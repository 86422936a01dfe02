import { expect, it } from 'vitest';
import { schemaProblems } from './schemaProblems.js';

const object = (properties: object, required: string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };

it.each([
  ['an optional field', object({ a: text }), object({ a: text, b: text }, ['a'])],
  ['one more variant', { anyOf: [text] }, { anyOf: [text, { type: 'number' }] }],
  ['one more value', { enum: ['a'] }, { enum: ['a', 'b'] }],
  ['a variant beside what was alone', text, { anyOf: [text, { type: 'null' }] }],
  ['a looser bound', { ...text, maxLength: 5 }, { ...text, maxLength: 9 }],
])('%s is no problem for a release that lies one apart', (_what, before, after) =>
  expect(schemaProblems(before, after, 'x')).toEqual([]),
);

it.each([
  ['a required field', object({ a: text }), object({ a: text, b: text })],
  ['a field that is not required any more', object({ a: text }), object({ a: text }, [])],
  ['another type', object({ a: text }), object({ a: { type: 'number' } })],
  ['a value that is gone', { enum: ['a', 'b'] }, { enum: ['a'] }],
  ['a variant that is gone', { anyOf: [text, { type: 'number' }] }, { anyOf: [text] }],
  ['a tighter bound', { ...text, maxLength: 9 }, { ...text, maxLength: 5 }],
  ['another pattern', { ...text, pattern: 'a' }, { ...text, pattern: 'b' }],
  [
    'a field that an exact reader refuses',
    { ...object({ a: text }), additionalProperties: false },
    object({ a: text, b: text }, ['a']),
  ],
  ['another item', { type: 'array', items: text }, { type: 'array', items: { type: 'number' } }],
])('%s is a problem', (_what, before, after) => expect(schemaProblems(before, after, 'x')).not.toEqual([]));
