import { forEachChild, parse, type SyntaxNode, type Word } from 'unbash';
import { exposedFrom, isInterpreter, isShell, isWrapper, programOf, runsText } from './runners.js';

/** One word as far as it is known before the script runs. */
export interface MaybeWord {
  text: string;
  /** Holds something that is known only when the script runs: a variable, a substitution, a glob, braces. */
  dynamic: boolean;
}

/** Words of which the one at `from` may be run as a program, with those behind it for its arguments. */
export interface Invocation {
  words: readonly MaybeWord[];
  from: number;
  /** The script names the program here. Otherwise another program got these words, or a text, and may run them. */
  direct: boolean;
}

export interface Invocations {
  all: Invocation[];
  /** Nothing runs but these, as far as the words of the script tell. */
  complete: boolean;
}

/** How deep scripts within scripts are followed. */
const MAX_DEPTH = 6;
/** What separates words in a text that is no shell script: a piece of another language, an alias of git. */
const SEPARATORS = /[\s'"`;&|()<>{}$,=[\]!\\]+/;
const HAS_SEPARATOR = /[\s'"`;&|()<>$=\\]/;

/**
 * Everything that a script may run: what stands in control structures, functions, subshells and substitutions, what
 * other programs (`env`, `sudo`, `xargs`, `find -exec`) get to run, and scripts within its words (`sh -c`, `eval`).
 */
export function invocationsOf(script: string, depth = 0): Invocations {
  const found: Invocations = { all: [], complete: depth < MAX_DEPTH };
  if (!found.complete) return found;
  const read = (node: SyntaxNode) => {
    if (node.type === 'Script' && node.errors !== undefined && node.errors.length > 0) found.complete = false;
    if (node.type === 'Command') readCommand(found, node, depth);
    forEachChild(node, read);
  };
  read(parse(script));
  if (!found.complete) found.all.push(...invocationsInText(script));
  return found;
}

type CommandNode = Extract<SyntaxNode, { type: 'Command' }>;

function readCommand(found: Invocations, node: CommandNode, depth: number): void {
  if (node.name === undefined) return;
  const words = [node.name, ...node.args].map((word) =>
    word.type === 'Word' ? maybeWord(word) : { text: word.text, dynamic: false },
  );
  found.all.push({ words, from: 0, direct: true });
  if (isDynamicProgram(words[0]!) || namesAlias(node, words)) found.complete = false;
  if (takesScript(words[0]!)) readScript(found, node, words.slice(1), depth);
  const exposed = exposedFrom(words.map(({ text }) => text));
  if (exposed === undefined) return;
  if (isWrapper(programOf(words[0]!.text)) && isProgramUnknown(words.slice(exposed))) found.complete = false;
  let isScript = runsText(programOf(words[0]!.text));
  for (let at = exposed; at < words.length; at++) {
    const word = words[at]!;
    if (isOption(word.text) && !word.text.includes('=')) continue;
    if (!isWholeExpansion(word)) found.all.push({ words, from: at, direct: false });
    if (HAS_SEPARATOR.test(word.text)) readText(found, word.text, depth, isScript);
    if (takesScript(word)) readScript(found, node, words.slice(at + 1), depth);
    isScript ||= runsText(programOf(word.text));
  }
}

/** With an alias of its own making git may run any of its sub-commands under another name. */
function namesAlias(node: CommandNode, words: readonly MaybeWord[]): boolean {
  const assignments = node.prefix.map((each) => (each.type === 'Assignment' ? each.text : ''));
  const texts = [...assignments, ...words.map(({ text }) => text)];
  return texts.some((text) => programOf(text) === 'git') && texts.some((text) => /\b(alias|include)\./i.test(text));
}

/** Reads a word as a script, and as a text of any other language. */
function readText(found: Invocations, text: string, depth: number, isScript: boolean): void {
  const inner = invocationsOf(text, depth + 1);
  if (isScript && !inner.complete) found.complete = false;
  for (const { words, from } of inner.all) found.all.push({ words, from, direct: false });
  found.all.push(...invocationsInText(text));
}

const takesScript = ({ text }: MaybeWord) => isShell(programOf(text)) || isInterpreter(programOf(text));

/** A shell that reads its script from its input, or from a word that is not known yet, may run anything. */
function readScript(found: Invocations, node: CommandNode, words: readonly MaybeWord[], depth: number): void {
  const at = words.findIndex(({ text }) => /^-[a-zA-Z]*[ce]$/.test(text));
  if (at >= 0) {
    const script = words[at + 1];
    if (script === undefined || isWholeExpansion(script)) found.complete = false;
    return;
  }
  for (const redirection of node.redirects) {
    if (redirection.type === 'HereDoc') readText(found, redirection.body.text, depth, true);
    if (redirection.type === 'HereString') readText(found, redirection.target?.value ?? '', depth, true);
  }
  const isAsked = words.some(({ text }) => /^(-v|-V|--version|-h|--help)$/.test(text));
  const file = words.find(({ text }) => !isOption(text));
  const isInput = file === undefined || isWholeExpansion(file) || /^(-|\/dev\/(stdin|fd\/\d+))$/.test(file.text);
  if (!isAsked && isInput) found.complete = false;
}

/** Whether the program that a wrapper runs is known only later. */
function isProgramUnknown(words: readonly MaybeWord[]): boolean {
  for (const word of words) {
    if (isDynamicProgram(word)) return true;
    if (!isOption(word.text) && !/^(\d|\w+=)/.test(word.text)) return false;
  }
  return false;
}

function invocationsInText(text: string): Invocation[] {
  const words = text
    .split(SEPARATORS)
    .filter((word) => word !== '')
    .map((word) => ({ text: word, dynamic: false }));
  return words.map((_word, from) => ({ words, from, direct: false }));
}

const isOption = (text: string) => /^-./.test(text);

function maybeWord(word: Word): MaybeWord {
  return { text: word.value, dynamic: word.parts?.some((part) => !isStatic(part)) ?? false };
}

type Part = NonNullable<Word['parts']>[number];

function isStatic(part: Part): boolean {
  if (part.type === 'DoubleQuoted' || part.type === 'LocaleString') {
    return part.parts.every(({ type }) => type === 'Literal');
  }
  return part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'AnsiCQuoted';
}

/** Whether it is known only later which program this is. The folder that it is in may be: its name is known then. */
function isDynamicProgram({ text, dynamic }: MaybeWord): boolean {
  if (text === '{}') return true;
  return dynamic && (!text.includes('/') || /[$`*?[{]/.test(programOf(text)));
}

const isWholeExpansion = ({ text, dynamic }: MaybeWord) =>
  dynamic && /^(\$\w+|\$[@*#?!$-]|\$\{[^}]*\}|[$<>]\(.*\)|`.*`)$/s.test(text);
