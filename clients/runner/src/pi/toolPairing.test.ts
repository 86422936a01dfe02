import type { Message } from '@mariozechner/pi-ai';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { repairMessage, RepairCounts } from './file/entryRepair.js';
import { pairToolResults } from './toolPairing.js';

/** `u`: a person; `a1,2`: an answer with the calls 1 and 2; `e1`: one that failed; `r1`: the result of call 1. */
function history(words: readonly string[]): Message[] {
  return words.map((word, timestamp) => {
    const ids = word.slice(1).split(',').filter(Boolean);
    const message: Record<string, unknown> = { role: 'user', content: word, timestamp };
    if (word[0] === 'r') Object.assign(message, { role: 'toolResult', toolCallId: ids[0], toolName: 't', content: [] });
    if (word[0] === 'a' || word[0] === 'e') {
      const content = ids.map((id) => ({ type: 'toolCall', id, name: 't', arguments: {} }));
      Object.assign(message, { role: 'assistant', content, stopReason: word[0] === 'e' ? 'error' : 'toolUse' });
    }
    repairMessage(message, { repairs: new RepairCounts(), model: undefined });
    return message as unknown as Message;
  });
}

/** The words again; a result that was made up as `R1`. */
const wordsOf = (messages: readonly Message[]) =>
  messages.map((message): string => {
    if (message.role === 'user') return 'u';
    if (message.role === 'toolResult') return `${message.content.length > 0 ? 'R' : 'r'}${message.toolCallId}`;
    // pi 1.x has messages of other roles besides.
    if (!('stopReason' in message)) return '?';
    const ids = message.content.flatMap((block) => (block.type === 'toolCall' ? [block.id] : []));
    return `${message.stopReason === 'error' ? 'e' : 'a'}${ids.join(',')}`;
  });

const paired = (words: string) => {
  const { messages, unasked, unanswered } = pairToolResults(history(words.split(' ')));
  return [wordsOf(messages).join(' '), unasked, unanswered];
};

it.each([
  ['a whole history stays', 'u a1,2 r1 r2 a u', ['u a1,2 r1 r2 a u', 0, 0]],
  ['a result without its call is left out', 'u r9 a1 r1 u', ['u a1 r1 u', 1, 0]],
  ['the second result of a call is left out', 'u a1 r1 r1 u', ['u a1 r1 u', 1, 0]],
  ['a call without its result gets one', 'u a1,2 r1 u', ['u a1,2 r1 R2 u', 0, 1]],
  ['a late result moves to its call', 'u a1 u r1 a', ['u a1 r1 u a', 0, 0]],
  ['results of a failed answer are left out', 'u e1 r1 u', ['u e1 u', 1, 0]],
  ['an id that is used again pairs with the nearest call', 'u a1 r1 a1 r1', ['u a1 r1 a1 r1', 0, 0]],
  ['one id for two calls is one call', 'u a1,1 r1 u', ['u a1 r1 u', 0, 0]],
  ['a history that begins with a result loses it', 'r1 u a1', ['u a1 R1', 1, 0]],
])('%s', (_what, words, expected) => {
  expect(paired(words)).toEqual(expected);
});

it('whatever the history, each call has exactly one result directly behind its answer', () => {
  const word = fc.constantFrom('u', 'a', 'a1', 'a1,2', 'a2,3', 'a3,3', 'e1,2', 'r1', 'r2', 'r3', 'r4');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      let open: string[] = [];
      for (const each of wordsOf(pairToolResults(history(words)).messages)) {
        if (each.toLowerCase().startsWith('r')) expect(open.shift()).toBe(each.slice(1));
        else {
          expect(open).toEqual([]);
          if (each.startsWith('a')) open = each.slice(1).split(',').filter(Boolean);
        }
      }
      expect(open).toEqual([]);
    }),
  );
});
