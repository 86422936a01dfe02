import { flagName, flagsCommand, type OptionSpec } from '@pizzapi/process';
import { describe, expect, it } from 'vitest';
import { LOCAL_OPTIONS } from './options.js';
import { LOCAL_OPTION_GROUPS, passedEnvironment, PROCESS_OPTIONS, REFUSED_OPTIONS } from './passedOptions.js';

/** Parses words as `pizzapi local` does. */
function parse(...words: string[]): Record<string, unknown> {
  const fail = (sentence: string): never => {
    throw new Error(sentence);
  };
  return flagsCommand('pizzapi local', LOCAL_OPTION_GROUPS, { refused: REFUSED_OPTIONS }, fail)
    .exitOverride()
    .parse(words, { from: 'user' })
    .opts();
}

/** Returns a flag with a value that its option accepts. */
function wordsFor(option: OptionSpec): string[] {
  const flag = flagName(option)!;
  if (option.type === 'boolean') return [flag];
  if (option.env === 'PIZZAPI_HEALTH_PORT') return [flag, '0'];
  const { type } = option;
  const choice = type === 'string' ? option.choices?.at(-1) : undefined;
  const values = { integer: '7', bytes: '1 MiB', url: 'http://127.0.0.1', origin: 'http://a.example' } as const;
  return [flag, choice ?? (type in values ? values[type as keyof typeof values] : '/x')];
}

const withFlags = Object.entries(PROCESS_OPTIONS).flatMap(([process, spec]) =>
  Object.values<OptionSpec>(spec)
    .filter(({ flag }) => flag !== undefined)
    .map((option) => [process, flagName(option)!, option] as const),
);
const local = new Set(Object.values<OptionSpec>(LOCAL_OPTIONS).map(({ env }) => env));
const refused = new Set(REFUSED_OPTIONS.map(({ option }) => option.env));

describe('the options of the processes that `pizzapi local` starts', () => {
  it.each(withFlags.filter(([, , { env }]) => !refused.has(env)))(
    'the option of the %s %s is accepted by `pizzapi local` and reaches the process',
    (_process, _flag, option) => {
      const flags = parse(...wordsFor(option));
      if (local.has(option.env)) return;
      expect(passedEnvironment(flags, {})).toHaveProperty([option.env], expect.stringMatching(/./));
    },
  );

  it.each(withFlags.filter(([, , { env }]) => refused.has(env)))(
    'the option of the %s %s is refused with a reason, because `pizzapi local` sets it',
    (_process, flag, option) => {
      expect(() => parse(...wordsFor(option))).toThrow(new RegExp(`^${flag} is refused: .{10}`));
    },
  );

  it('a flag has the same variable in every process', () => {
    const all = [...withFlags.map(([, , option]) => option), ...Object.values<OptionSpec>(LOCAL_OPTIONS)];
    const variables = new Map<string, Set<string>>();
    for (const option of all) {
      const flag = flagName(option);
      if (flag !== undefined) variables.set(flag, (variables.get(flag) ?? new Set()).add(option.env));
    }
    expect([...variables].filter(([, { size }]) => size > 1)).toEqual([]);
  });

  it('flags win over variables, lists of folders are joined, and invalid values are refused before a process starts', () => {
    const flags = parse('--roots', '/a', '/b', '--signup', 'open', '--max-sessions', '4', '--notify-private');
    expect(passedEnvironment(flags, { PIZZAPI_SIGNUP: 'first', LANG: 'C' })).toEqual({
      LANG: 'C',
      PIZZAPI_SIGNUP: 'open',
      PIZZAPI_ROOTS: '/a:/b',
      PIZZAPI_MAX_SESSIONS: '4',
      PIZZAPI_NOTIFY_PRIVATE: 'true',
    });
    expect(() => passedEnvironment(parse('--signup', 'all'), {})).toThrow('--signup is "all"');
    expect(() => passedEnvironment({}, { PIZZAPI_MAX_SESSIONS: 'many' })).toThrow('PIZZAPI_MAX_SESSIONS is "many"');
    expect(() => passedEnvironment(parse('--health-port', '9000'), {})).toThrow('use 0');
  });

  it('the help lists the options under the process that takes them', () => {
    const fail = (): never => {
      throw new Error('unused');
    };
    const help = flagsCommand('pizzapi local', LOCAL_OPTION_GROUPS, {}, fail).helpInformation();
    const headings = help.split('\n').filter((line) => /^\S.*:$/.test(line));
    expect(headings).toEqual([
      'Options:',
      'Options of the gateway:',
      'Options of the runner:',
      'Options of the projector:',
      'Options of the authenticator:',
    ]);
  });
});
