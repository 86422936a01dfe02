import { existsSync, readFileSync, statSync } from 'node:fs';
import { errorInfo, PI_OPTION_LIMITS, THINKING_LEVELS, type PiOptions, type ThinkingLevel } from '@pizzapi/protocol';
import { EXIT, Failure, toSafeLine } from './io.js';

/** pi's flags for a session that starts on a runner. */
export interface PiFlags {
  pi?: PiOptions;
  /** As it was typed; `resolveModel` finds the name on the runner. */
  model?: string;
  provider?: string;
  thinkingLevel?: ThinkingLevel;
  /** The arguments that are no flags. */
  words: string[];
}

/** pi's flags with a value that apply to a session on a runner. */
const VALUES = ['--model', '--provider', '--thinking', '--tools', '--system-prompt', '--append-system-prompt'] as const;
type ValueFlag = (typeof VALUES)[number];

/** pi's flags without a value that apply to a session on a runner. */
const SWITCHES = {
  '--no-tools': 'noTools',
  '--no-builtin-tools': 'noBuiltinTools',
  '--no-extensions': 'noExtensions',
  '--no-skills': 'noSkills',
  '--no-prompt-templates': 'noPromptTemplates',
  '--no-context-files': 'noContextFiles',
  '--approve': 'approve',
  '--no-approve': 'noApprove',
} as const satisfies Record<string, keyof PiOptions>;
type SwitchFlag = keyof typeof SWITCHES;

const SHORT: Readonly<Record<string, ValueFlag | SwitchFlag>> = {
  '-t': '--tools',
  '-nt': '--no-tools',
  '-nbt': '--no-builtin-tools',
  '-ne': '--no-extensions',
  '-ns': '--no-skills',
  '-np': '--no-prompt-templates',
  '-nc': '--no-context-files',
  '-a': '--approve',
  '-na': '--no-approve',
};

/** Flags of pi that PizzaPi replaces, with the replacement. */
const INSTEAD: Readonly<Record<string, string>> = {
  '--api-key': 'API keys stay on the runner, in the configuration of pi',
  '--print': '`pizzapi run --wait` prints the log until the agent is done',
  '-p': '`pizzapi run --wait` prints the log until the agent is done',
  '--mode': '`pizzapi tail --json` prints the events of a session',
  '--fork': '`pizzapi fork` forks a session',
  '--continue': '`pizzapi attach` continues a session',
  '-c': '`pizzapi attach` continues a session',
  '--resume': '`pizzapi attach` continues a session, and `pizzapi run --resume` a session file of pi',
  '-r': '`pizzapi attach` continues a session, and `pizzapi run --resume` a session file of pi',
};

const wrong = (what: string): Failure => new Failure(errorInfo('bad_option', what), EXIT.usage);
const isSwitch = (word: string): word is SwitchFlag => Object.hasOwn(SWITCHES, word);
const isValue = (word: string): word is ValueFlag => VALUES.some((flag) => flag === word);

/**
 * Parses the arguments after `--` in the same way as pi parses its command line. Fails with `bad_option` for a flag
 * that does not apply to a session on a runner, and lists the flags that do.
 */
export function readPiFlags(args: readonly string[]): PiFlags {
  const pi: PiOptions = {};
  const flags: PiFlags = { words: [] };
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word.startsWith('@')) {
      throw wrong(
        `${toSafeLine(word, 80)} is a file on this machine, but the session runs on the runner: name the file in the prompt`,
      );
    }
    if (!word.startsWith('-')) {
      flags.words.push(word);
      continue;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const [named, joined] = equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
    const flag = SHORT[named] ?? named;
    if (isSwitch(flag)) {
      if (joined !== undefined) throw wrong(`${flag} takes no value`);
      pi[SWITCHES[flag]] = true;
      continue;
    }
    if (!isValue(flag)) throw notThere(named);
    const value = joined ?? rest.shift();
    if (value === undefined) throw wrong(`${flag} needs a value`);
    take(flag, value, flags, pi);
  }
  if (flags.provider !== undefined && flags.model === undefined) throw wrong('--provider needs --model beside it');
  return Object.keys(pi).length === 0 ? flags : { ...flags, pi };
}

function take(flag: ValueFlag, value: string, flags: PiFlags, pi: PiOptions): void {
  switch (flag) {
    case '--model':
      flags.model = value;
      return;
    case '--provider':
      flags.provider = value;
      return;
    case '--thinking':
      flags.thinkingLevel = levelOf(value);
      return;
    case '--tools':
      pi.tools = toolsOf(value);
      return;
    case '--system-prompt':
      pi.systemPrompt = promptOf(flag, value);
      return;
    case '--append-system-prompt':
      // May be repeated, as in pi.
      pi.appendSystemPrompt = bounded(
        flag,
        [...(pi.appendSystemPrompt === undefined ? [] : [pi.appendSystemPrompt]), promptOf(flag, value)].join('\n\n'),
      );
      return;
  }
}

function notThere(flag: string): Failure {
  const instead = INSTEAD[flag];
  const what = `A session on a runner does not take ${toSafeLine(flag, 80)}${instead === undefined ? '' : `: ${instead}`}`;
  return wrong(`${what}. It takes ${[...VALUES, ...Object.keys(SWITCHES)].join(', ')}`);
}

function levelOf(value: string): ThinkingLevel {
  const level = THINKING_LEVELS.find((known) => known === value);
  if (level === undefined)
    throw wrong(`--thinking is "${toSafeLine(value, 40)}", and is one of ${THINKING_LEVELS.join(', ')}`);
  return level;
}

function toolsOf(value: string): string[] {
  const tools = value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (tools.length === 0) throw wrong('--tools names no tool; --no-tools is for none at all');
  if (tools.length > PI_OPTION_LIMITS.tools || tools.some((name) => name.length > PI_OPTION_LIMITS.toolName)) {
    throw wrong(
      `--tools names more than ${PI_OPTION_LIMITS.tools} tools, or one of more than ${PI_OPTION_LIMITS.toolName} characters`,
    );
  }
  return tools;
}

/** Returns a prompt, or the content of the local file with this path, as pi does. */
function promptOf(flag: string, value: string): string {
  return bounded(flag, existsSync(value) && statSync(value).isFile() ? readFileSync(value, 'utf8') : value);
}

function bounded(flag: string, text: string): string {
  if (text.length > PI_OPTION_LIMITS.prompt)
    throw wrong(`${flag} is longer than ${PI_OPTION_LIMITS.prompt} characters`);
  return text;
}
