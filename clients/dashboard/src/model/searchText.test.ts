import { createTranscript, foldTranscript } from '@pizzapi/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countMatches, searchParts, searchPattern } from './searchText.js';

const READER = { isGuest: false };
const partsOf = (...events: object[]) => {
  const { items } = foldTranscript(
    createTranscript(),
    events.map((event, i) => [i + 1, event] as const),
  );
  return items.flatMap((item) => searchParts(item, READER).map((part) => ({ ...part, text: part.text() })));
};
const message = (role: string, content: object[]) => ({
  type: 'message_end',
  at: 1,
  messageId: 'm',
  entryId: 'm',
  message: { role, content },
});

it('what is searched of a message is its text without the marks of Markdown', () => {
  const text = '## The **oven**\n\nSee `bake.ts` and [the rule](https://example.com/x).';
  expect(partsOf(message('assistant', [{ type: 'text', text }]))).toEqual([
    { text: 'The oven\n\nSee bake.ts and the rule.' },
  ]);
});

it('the output of a tool and a thought are searched though they are folded, with the key of what to open', () => {
  const parts = partsOf(
    message('assistant', [
      { type: 'thinking', thinking: 'Flour first' },
      { type: 'toolCall', id: 't1', name: 'bash', arguments: { command: 'cat flour' } },
    ]),
    { type: 'tool_execution_start', at: 2, toolCallId: 't1', toolName: 'bash', args: { command: 'cat flour' } },
    {
      type: 'tool_execution_end',
      at: 3,
      toolCallId: 't1',
      toolName: 'bash',
      result: { content: [{ type: 'text', text: '\u001b[31mtipo\u001b[39m 00' }] },
      isError: false,
    },
  );
  expect(parts).toEqual([
    { text: 'Flour first', fold: 'm:0' },
    { text: 'cat flour' },
    { text: 'tipo 00', fold: 'm:1' },
  ]);
});

it('the calls of a script are searched, with the keys of both cards to open', () => {
  const run = { toolCallId: 't1/1', toolName: 'bash', parentToolCallId: 't1', args: { command: 'cat flour' } };
  const result = { content: [{ type: 'text', text: 'tipo 00' }] };
  const parts = partsOf(
    message('assistant', [{ type: 'toolCall', id: 't1', name: 'codemode', arguments: { code: 'return 1' } }]),
    { type: 'tool_execution_start', at: 2, ...run },
    { type: 'tool_execution_end', at: 3, ...run, result, isError: false },
  );
  expect(parts).toEqual([
    { text: 'return 1' },
    { text: 'return 1', fold: 'm:0' },
    { text: '', fold: 'm:0' },
    { text: 'cat flour', around: 'm:0' },
    { text: 'tipo 00', fold: 'm:0/t1/1', around: 'm:0' },
  ]);
});

it('a query is taken literally, without regard to case, and its spaces stand for any space', () => {
  const pattern = searchPattern('  A.b\t(c)* ')!;
  expect(countMatches('a.B\n(C)* and axb (c)* and a.b  (c)*', pattern)).toBe(2);
  expect(searchPattern(' \n')).toBeUndefined();
});

it('every query finds itself in a text around it', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (query) => {
      const pattern = searchPattern(query);
      if (pattern !== undefined) expect(countMatches(`before ${query.trim()} after`, pattern)).toBeGreaterThan(0);
    }),
  );
});
