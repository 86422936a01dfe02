import { describe, expect, it } from 'vitest';
import { becomeTui, piArguments, terminalArguments } from './tui.js';

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

  it.each([
    [['--pi', 'bundled'], { args: [], pi: 'bundled' }],
    [
      ['--continue', '--pi=/opt/pi', '--model', 'demo/demo'],
      { args: ['--continue', '--model', 'demo/demo'], pi: '/opt/pi' },
    ],
    [['--pi', 'bundled', '--', '--help'], { args: ['--help'], pi: 'bundled' }],
    [['--', '--pi', 'x'], { args: ['--pi', 'x'] }],
    [['--pi'], { args: [], pi: '' }],
    [['--pi', '--', 'x'], { args: ['x'], pi: '' }],
    [['--continue'], { args: ['--continue'] }],
    [['doctor', '--pi', 'bundled'], undefined],
  ])('in %j, --pi is our own flag before a --', (argv, expected) => {
    expect(terminalArguments(argv)).toEqual(expected);
  });

  it.each([
    ['/nowhere/pi', 1, /^pi_not_found: There is nothing at \/nowhere\/pi\. /],
    ['', 2, /^bad_option: --pi needs a value/],
  ])('a pi that cannot be used (%j) is named before anything starts', async (pi, code, text) => {
    let stderr = '';
    const written = { write: (chunk: string) => ((stderr += chunk), true) } as unknown as NodeJS.WritableStream;
    const io = { env: {}, stderr: written } as Parameters<typeof becomeTui>[1];
    expect(await becomeTui({ args: [], pi }, io, '1')).toBe(code);
    expect(stderr).toMatch(text);
  });

  it.each([[['--help']], [['-h']], [['-V']], [['--version']], [['share', 'x']], [['docter']]])(
    'the arguments %j run a command of pizzapi',
    (argv) => {
      expect(piArguments(argv)).toBeUndefined();
    },
  );
});
