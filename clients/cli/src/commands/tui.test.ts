import { describe, expect, it } from 'vitest';
import { piArguments } from './tui.js';

describe('a command line', () => {
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
  ])('%j is for pi', (argv, args) => {
    expect(piArguments(argv)).toEqual(args);
  });

  it.each([[['--help']], [['-h']], [['-V']], [['--version']], [['share', 'x']], [['docter']]])(
    '%j is for a command of ours',
    (argv) => {
      expect(piArguments(argv)).toBeUndefined();
    },
  );
});
