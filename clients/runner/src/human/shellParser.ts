import { parse, type Redirection, type Statement, type Word, type WordPart } from 'unbash';

/** One word of a command, its quotes removed. */
export interface ShellWord {
  text: string;
  /** Holds a glob: the shell replaces it by the names of files, whatever those look like. */
  glob: boolean;
  /** May become several words or other words: an unquoted variable, or characters that not every shell splits alike. */
  expands: boolean;
}

/**
 * A script as its simple commands, in order, however they are joined (`|`, `&&`, `||`, `;`, newline). `opaque` is
 * everything that its words alone do not tell, and everything that writes: substitutions, subshells, control
 * structures, assignments, redirections into files, background jobs, here-documents, braces, and all variables but the
 * few whose values are known to be paths.
 */
export type ShellScript = { kind: 'commands'; commands: ShellWord[][] } | { kind: 'opaque'; why: string };

/** Variables whose values are absolute paths, and that no command of the same script can have set. */
const PATH_VARIABLES = new Set(['HOME', 'PWD']);
// eslint-disable-next-line no-control-regex -- control characters are what this refuses
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** Leaves the reading from wherever it is; never leaves this file. */
class UnsupportedSyntax extends Error {}

/** Reads a bash script conservatively: what is not understood is opaque, never guessed. */
export function parseShell(script: string): ShellScript {
  if (CONTROL_CHARACTERS.test(script)) return { kind: 'opaque', why: 'a control character' };
  // Within a word bash joins two lines before it looks for the names of variables.
  if (/\\$|[^ \t]\\\n/.test(script)) return { kind: 'opaque', why: 'a backslash at the end of a line' };
  try {
    const { commands, errors } = parse(script);
    // The parser recovers from errors, for editors. A shell does not, so any error makes the script opaque.
    if (errors !== undefined && errors.length > 0)
      throw new UnsupportedSyntax(`a syntax error (${errors[0]!.message})`);
    const read = commands.flatMap(commandsOf);
    checkRest(script, read);
    return { kind: 'commands', commands: read.map(({ words }) => words) };
  } catch (error) {
    if (error instanceof UnsupportedSyntax) return { kind: 'opaque', why: error.message };
    throw error;
  }
}

type Node = Statement['command'];

/** A command, and where in the script its words and redirections are. */
interface Read {
  words: ShellWord[];
  spans: { pos: number; end: number }[];
}

/** Between the words there may be only what joins commands. A parser that passes over more may have misunderstood it. */
function checkRest(script: string, read: readonly Read[]): void {
  let at = 0;
  const spans = read.flatMap((command) => command.spans).sort((a, b) => a.pos - b.pos);
  for (const { pos, end } of [...spans, { pos: script.length, end: script.length }]) {
    const rest = script.slice(at, pos).replace(/#[^\n]*/g, '');
    if (!/^(?:[ \t\n;|&!]|\\\n)*$/.test(rest)) throw new UnsupportedSyntax('something not understood');
    at = end;
  }
}

function commandsOf({ command, background }: Statement): Read[] {
  if (background === true) throw new UnsupportedSyntax('a background job');
  return simpleCommands(command);
}

function simpleCommands(node: Node): Read[] {
  switch (node.type) {
    case 'Command': {
      if (node.prefix.some(({ type }) => type === 'Assignment')) throw new UnsupportedSyntax('an assignment');
      for (const redirection of node.redirects) checkRedirection(redirection);
      if (node.name === undefined) throw new UnsupportedSyntax('a redirection without a command');
      const words = [node.name, ...node.args];
      return [{ words: words.map(wordOf), spans: [...words, ...node.redirects] }];
    }
    case 'AndOr':
      return node.commands.flatMap(simpleCommands);
    case 'Pipeline':
      if (node.prefixes.some(({ type }) => type === 'Time')) throw new UnsupportedSyntax('the keyword time');
      if (node.commands.length === 0) throw new UnsupportedSyntax('an empty pipeline');
      return node.commands.flatMap(simpleCommands);
    case 'Subshell':
    case 'BraceGroup':
      throw new UnsupportedSyntax('a subshell or a group');
    case 'Function':
      throw new UnsupportedSyntax('a function');
    default:
      throw new UnsupportedSyntax('a control structure');
  }
}

/** Output may go to another descriptor or nowhere; input may come from a file. */
function checkRedirection(redirection: Redirection): void {
  if (redirection.type !== 'Redirect') throw new UnsupportedSyntax('a here-document');
  const { operator, target, descriptor } = redirection;
  if (descriptor?.type === 'FileDescriptorVariable') throw new UnsupportedSyntax('a descriptor in a variable');
  if (target === undefined) throw new UnsupportedSyntax('a redirection to nothing');
  const { text, glob, expands } = wordOf(target);
  const isNowhere = text === '/dev/null';
  if (glob || expands) throw new UnsupportedSyntax('a redirection whose file is not known');
  if (operator === '<') {
    // The shell itself opens connections behind names below /dev.
    if (!isNowhere && /(^|\/)dev(\/|$)|^\$/.test(text))
      throw new UnsupportedSyntax('input from a device or the network');
    return;
  }
  if ((operator === '>&' || operator === '<&') && /^(\d|-)$/.test(text)) return;
  if (['>', '>>', '&>', '&>>', '>&'].includes(operator) && isNowhere) return;
  throw new UnsupportedSyntax('output redirected into a file');
}

function wordOf(node: Word | { type: 'Assignment'; text: string }): ShellWord {
  if (node.type === 'Assignment') throw new UnsupportedSyntax('an assignment');
  const word = { text: '', glob: false, expands: false };
  if (node.parts === undefined) {
    checkDollars(node.text);
    return { ...word, text: node.value, expands: isUncommon(node.value) };
  }
  for (const part of node.parts) addPart(word, part);
  return word;
}

function addPart(word: ShellWord, part: WordPart): void {
  switch (part.type) {
    case 'Literal':
      checkDollars(part.text);
      word.text += part.value;
      word.expands ||= isUncommon(part.value);
      return;
    case 'SingleQuoted':
      word.text += part.value;
      return;
    case 'Glob':
      if (part.parts !== undefined) for (const inner of part.parts) checkBracket(inner);
      word.text += part.value;
      word.glob = true;
      return;
    case 'SimpleExpansion':
    case 'ParameterExpansion':
      word.text += variable(part);
      word.expands = true;
      return;
    case 'DoubleQuoted':
      for (const inner of part.parts) {
        if (inner.type === 'Literal') {
          checkDollars(inner.text);
          word.text += inner.value;
        } else word.text += variable(inner);
      }
      return;
    default:
      throw new UnsupportedSyntax(OTHER_PARTS[part.type]);
  }
}

/** Inside of brackets of a glob anything but characters would be run before the glob is looked up. */
function checkBracket(part: WordPart): void {
  if (part.type !== 'Literal' && part.type !== 'SingleQuoted') throw new UnsupportedSyntax('an expansion in a glob');
}

type OtherPart = Exclude<
  WordPart['type'],
  'Literal' | 'SingleQuoted' | 'Glob' | 'SimpleExpansion' | 'ParameterExpansion' | 'DoubleQuoted'
>;
const OTHER_PARTS: Readonly<Record<OtherPart, string>> = {
  AnsiCQuoted: 'a quoted escape',
  LocaleString: 'a translated string',
  CommandExpansion: 'a command substitution',
  ArithmeticExpansion: 'an arithmetic expansion',
  ProcessSubstitution: 'a process substitution',
  ExtendedGlob: 'an extended glob',
  BraceExpansion: 'braces',
};

function variable(part: { type: string; text: string }): string {
  if (part.type === 'CommandExpansion') throw new UnsupportedSyntax(OTHER_PARTS.CommandExpansion);
  if (part.type === 'ArithmeticExpansion') throw new UnsupportedSyntax(OTHER_PARTS.ArithmeticExpansion);
  const name = /^\$(?:(\w+)|\{(\w+)\})$/.exec(part.text);
  const known = name?.[1] ?? name?.[2];
  if (known === undefined || !PATH_VARIABLES.has(known)) throw new UnsupportedSyntax('a variable');
  return `$${known}`;
}

/** A dollar sign stands for itself only before what can begin no expansion, finished or not. */
function checkDollars(raw: string): void {
  if (/\$(?![%.,:/=+^~\s]|$)/.test(raw.replace(/\\[^]/g, ''))) throw new UnsupportedSyntax('a dollar sign');
}

/** In some locales a shell splits words also at a character beyond ASCII. */
const isUncommon = (unquoted: string) => /[^\u0020-\u007e\t\n]/.test(unquoted);
