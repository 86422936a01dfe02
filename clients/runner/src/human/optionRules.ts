import type { ShellWord } from './shellParser.js';

/**
 * The arguments with which a program only reads. Every option that may be given is listed: an option that is not known
 * may write a file or start a program.
 */
export interface OptionRules {
  /** Short options without a value, as letters. They may stand in one word. */
  flags?: string;
  /** Short options with a value, which is the rest of the word or the next word. */
  values?: string;
  /** Short options whose value, if any, is the rest of the word. */
  attached?: string;
  /** `-20` is a number of lines. */
  counts?: boolean;
  /**
   * Long options, separated by spaces: `name` has no value; `name=` has one, behind `=` or in the next word; `name?` has
   * one behind `=` only, if at all; `name==` takes the next two words. Abbreviations are not accepted.
   */
  long?: string;
  /** How many operands there may be; any number when left out. */
  operands?: number;
  /** Whether a set of options and operands is harmless beyond that. */
  check?: (given: ParsedArguments) => boolean;
  /** No option of this program does harm, so that a glob or a variable may turn out as one. */
  harmless?: boolean;
  /** What the words mean is of no matter: the program prints them, or ignores them. */
  anyWords?: boolean;
}

/** The words of a command, told apart. */
export interface ParsedArguments {
  /** Options without their values, as written: `-n`, `--name`. */
  options: string[];
  operands: string[];
}

type LongKind = 'none' | 'required' | 'optional' | 'two';

const longKinds = new WeakMap<OptionRules, Map<string, LongKind>>();

function longOptions(rules: OptionRules): Map<string, LongKind> {
  const known = longKinds.get(rules);
  if (known !== undefined) return known;
  const kinds = new Map<string, LongKind>();
  for (const item of (rules.long ?? '').split(' ').filter((name) => name !== '')) {
    if (item.endsWith('==')) kinds.set(item.slice(0, -2), 'two');
    else if (item.endsWith('=')) kinds.set(item.slice(0, -1), 'required');
    else if (item.endsWith('?')) kinds.set(item.slice(0, -1), 'optional');
    else kinds.set(item, 'none');
  }
  longKinds.set(rules, kinds);
  return kinds;
}

/** Whether a program with these rules only reads when it gets these arguments. */
export function areAllowed(rules: OptionRules, words: readonly ShellWord[]): boolean {
  if (rules.anyWords === true) return true;
  const given = new Reading(rules, words).read();
  if (given === undefined) return false;
  if (rules.operands !== undefined && given.operands.length > rules.operands) return false;
  return rules.check === undefined || rules.check(given);
}

class Reading {
  private readonly given: ParsedArguments = { options: [], operands: [] };
  private at = 0;

  constructor(
    private readonly rules: OptionRules,
    private readonly words: readonly ShellWord[],
  ) {}

  /** Undefined when a word is not known to be harmless. */
  read(): ParsedArguments | undefined {
    let onlyOperands = false;
    while (this.at < this.words.length) {
      const word = this.words[this.at++]!;
      if (onlyOperands || !isOption(word)) {
        if (!this.isOperand(word, onlyOperands)) return undefined;
        this.given.operands.push(word.text);
      } else if (word.text === '--') {
        onlyOperands = true;
      } else if (this.isOutOfPlace()) {
        return undefined;
      } else if (word.glob || word.expands || !this.option(word.text)) {
        return undefined;
      }
    }
    return this.given;
  }

  private isOperand({ text, glob, expands }: ShellWord, onlyOperands: boolean): boolean {
    if (this.rules.harmless === true) return true;
    if (expands) return false;
    if (!glob) return true;
    // One glob may stand for many names, and one that begins with a wildcard for a name that looks like an option.
    return this.rules.operands === undefined && (onlyOperands || !/^[*?[]/.test(text));
  }

  /** Behind an operand some programs take an option for one more operand, which may be a file to write. */
  private isOutOfPlace(): boolean {
    return this.rules.operands !== undefined && this.given.operands.length > 0;
  }

  private option(text: string): boolean {
    return text.startsWith('--') ? this.longOption(text) : this.shortOptions(text);
  }

  private longOption(text: string): boolean {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text.slice(2) : text.slice(2, equals);
    const kind = longOptions(this.rules).get(name);
    if (kind === undefined || (equals >= 0 && (kind === 'none' || kind === 'two'))) return false;
    this.given.options.push(`--${name}`);
    if (kind === 'two') return this.value() && this.value();
    return kind !== 'required' || equals >= 0 || this.value();
  }

  private shortOptions(text: string): boolean {
    const { flags = '', values = '', attached = '', counts = false } = this.rules;
    if (counts && /^-\d+$/.test(text)) return true;
    for (let index = 1; index < text.length; index++) {
      const letter = text[index]!;
      this.given.options.push(`-${letter}`);
      if (attached.includes(letter)) return true;
      if (values.includes(letter)) return index + 1 < text.length || this.value();
      if (!flags.includes(letter)) return false;
    }
    return true;
  }

  /** Takes the next word for a value. A program that saw an option in it would do what is not checked here. */
  private value(): boolean {
    const word = this.words[this.at++];
    if (word === undefined) return true;
    return !word.glob && !word.expands && !/^-(?!\d+$)./.test(word.text);
  }
}

const isOption = ({ text }: ShellWord) => text.startsWith('-') && text !== '-';
