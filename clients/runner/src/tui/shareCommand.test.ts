import { expect, it } from 'vitest';
import { parseShareCommand } from './shareCommand.js';

it.each([
  ['', { kind: 'share', mode: undefined }],
  ['  --collab ', { kind: 'share', mode: 'collab' }],
  ['--approve', { kind: 'share', mode: 'approve' }],
  ['status', { kind: 'status' }],
  ['stop', { kind: 'stop' }],
  ['help', { kind: 'help' }],
  ['--colab', { kind: 'wrong', words: '--colab' }],
])('/share %s', (words, wish) => {
  expect(parseShareCommand(words)).toEqual(wish);
});
