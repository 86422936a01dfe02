import { expect, it } from 'vitest';
import { parsePlainCommand, PLAIN_SYNTAX } from './plainPi.js';

it.each([
  ['share', { kind: 'share', mode: undefined }],
  [' share   --collab ', { kind: 'share', mode: 'collab' }],
  ['status', { kind: 'status' }],
  ['share stop', { kind: 'stop' }],
  ['', { kind: 'help' }],
  ['share --approve', { kind: 'wrong', words: 'share --approve' }],
])('/pizzapi %s', (words, wish) => {
  expect(parsePlainCommand(words)).toEqual(wish);
});

it('the help of /pizzapi names what only the terminal of `pizzapi` has', () => {
  const help = PLAIN_SYNTAX.lines.join(' ');
  for (const word of ['/share', 'approvals', 'questions of extensions', 'shell commands']) expect(help).toContain(word);
});
