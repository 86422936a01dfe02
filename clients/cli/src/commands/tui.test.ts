import { describe, expect, it } from 'vitest';
import { piArguments } from './tui.js';

describe('the arguments of pizzapi', () => {
  it.each([
    [[], []],
    [['--continue'], ['--continue']],
    [
      ['-p', 'Say hello'],
      ['-p', 'Say hello'],
    ],
    [
      ['@notes.md', 'What is this?'],
      ['@notes.md', 'What is this?'],
    ],
    [['Fix the failing test'], ['Fix the failing test']],
    [['--', '--help'], ['--help']],
    [['--', 'explain'], ['explain']],
  ])('the arguments %j start pi', (argv, args) => {
    expect(piArguments(argv)).toEqual(args);
  });

  it.each([[['--help']], [['-h']], [['-V']], [['--version']], [['share', 'x']], [['docter']]])(
    'the arguments %j run a command of pizzapi',
    (argv) => {
      expect(piArguments(argv)).toBeUndefined();
    },
  );
});
