import { resolve } from 'node:path';
import type { Invocation, MaybeWord } from './invocations.js';
import { hasSubcommands, programOf } from './runners.js';
import type { ShellWord } from './shellParser.js';

/** The words of a pattern; `isOpen`: anything may follow them. */
interface Pattern {
  words: string[];
  isOpen: boolean;
}

function readPattern(text: string): Pattern {
  const words = text.trim().split(/\s+/);
  return words.at(-1) === '*' ? { words: words.slice(0, -1), isOpen: true } : { words, isOpen: false };
}

/** Options by which a program works in another folder than the one it is started in. */
const ELSEWHERE =
  /^(-C.*|--(directory|prefix|cwd|dir|chdir|git-dir|work-tree|manifest-path|project-dir|working-directory|rootdir)(=.*)?)$/;

export const leadsElsewhere = (word: string): boolean => ELSEWHERE.test(word);

/**
 * Whether a command is word for word what a pattern allows. What follows an open pattern may be anything that is known
 * now, except for an option that takes the program to another folder: what was allowed was allowed in this one.
 */
export function isCovered(pattern: string, words: readonly ShellWord[]): boolean {
  const { words: start, isOpen } = readPattern(pattern);
  const isSame = (text: string, word: ShellWord | undefined) =>
    word !== undefined && word.text === text && !word.glob && !word.expands;
  if (!start.every((text, index) => isSame(text, words[index]))) return false;
  if (!isOpen) return words.length === start.length;
  return words.slice(start.length).every(({ text, expands }) => !expands && !leadsElsewhere(text));
}

/** Whether a command changes to the folder that a script begins in anyway. */
export function staysIn([, folder, ...rest]: readonly ShellWord[], cwd: string): boolean {
  if (folder === undefined || folder.glob || folder.expands || rest.length > 0) return false;
  return folder.text === '.' || (folder.text.startsWith('/') && resolve(folder.text) === resolve(cwd));
}

export type Match = 'yes' | 'maybe' | 'no';

/**
 * Whether a rule that holds something back speaks of what may run. The program is compared by its name alone, whatever
 * folder it is said to be in; options before a sub-command are passed over; options of the pattern may stand anywhere.
 */
export function matchOf(pattern: string, { words, from, direct }: Invocation): Match {
  const { words: expected, isOpen } = readPattern(pattern);
  const [program, ...rest] = expected;
  if (program === undefined) return 'yes';
  if (programOf(words[from]!.text) !== programOf(program)) return 'no';
  const given = words.slice(from + 1);
  const options = rest.filter((word) => word.startsWith('-'));
  const operands = rest.filter((word) => !word.startsWith('-'));
  const missing = options.filter((option) => !hasOption(given, option));
  if (missing.length > 0 && !given.some(({ dynamic }) => dynamic)) return 'no';
  const looseness = { isExact: direct && !isOpen, skipsValues: hasSubcommands(programOf(program)) };
  const found = operandsMatch(given, operands, looseness);
  return found === 'yes' && missing.length > 0 ? 'maybe' : found;
}

/** Whether an option is among words: as it is, abbreviated, with a value, or as letters of one or more words. */
function hasOption(words: readonly MaybeWord[], option: string): boolean {
  const texts = words.map(({ text }) => text);
  if (texts.includes(option)) return true;
  if (option.startsWith('--')) {
    const name = option.split('=')[0]!;
    return texts.some((text) => {
      const given = text.split('=')[0]!;
      return given.length > 2 && given.startsWith('--') && name.startsWith(given) && !option.includes('=');
    });
  }
  const letters = texts.filter((text) => /^-[^-]/.test(text)).join('');
  return [...option.slice(1)].every((letter) => letters.includes(letter));
}

interface Looseness {
  /** Nothing else may stand behind them, except for options. */
  isExact: boolean;
  /** An option before them may have the word behind it for its value. */
  skipsValues: boolean;
}

/** Whether the first operands of a command are those of a pattern. `maybe`: a word that is not known yet may be one. */
function operandsMatch(words: readonly MaybeWord[], operands: readonly string[], looseness: Looseness): Match {
  if (areOperands(words, operands, looseness, ({ text }, operand) => text === operand)) return 'yes';
  const mayBe = ({ text, dynamic }: MaybeWord, operand: string) => dynamic || text === operand;
  return areOperands(words, operands, looseness, mayBe) ? 'maybe' : 'no';
}

function areOperands(
  words: readonly MaybeWord[],
  operands: readonly string[],
  { isExact, skipsValues }: Looseness,
  isSame: (word: MaybeWord, operand: string) => boolean,
): boolean {
  let places = new Set([0]);
  for (const operand of operands) {
    const at = [...behindOptions(words, places, skipsValues)];
    places = new Set(at.filter((place) => place < words.length && isSame(words[place]!, operand)).map((n) => n + 1));
    if (places.size === 0) return false;
  }
  return !isExact || [...behindOptions(words, places, false)].some((place) => place >= words.length);
}

/** The places that may come next: an option may or may not take the word behind it for its value. */
function behindOptions(words: readonly MaybeWord[], places: ReadonlySet<number>, withValues: boolean): Set<number> {
  const seen = new Set<number>();
  const open = [...places];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    if (!/^[-+]./.test(words[at]?.text ?? '')) continue;
    open.push(at + 1);
    if (withValues) open.push(at + 2);
  }
  return seen;
}
