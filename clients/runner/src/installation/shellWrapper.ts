import { dirname } from 'node:path';
import { forEachChild, parse, type SyntaxNode } from 'unbash';

/** What a wrapper script would run, read without running it. */
export interface Wrapper {
  /** The commands in the order of the script, each as its words. `exec`, `env` and their options are left out. */
  commands: string[][];
  /** The folders that the script puts on PATH. */
  pathFolders: string[];
  comments: string[];
}

/** What a script gets from outside. */
export interface WrapperContext {
  /** The path by which the script is called, its `$0`. */
  program: string;
  home: string;
  env: NodeJS.ProcessEnv;
}

type Command = Extract<SyntaxNode, { type: 'Command' }>;

/** The longest word that is looked at. A path has at most 4096 bytes. */
const LONGEST_WORD = 4_096;
/** The most commands of a script that are kept. Wrappers of package managers have a handful. */
const MAX_COMMANDS = 100;

/**
 * Reads a shell script: variables that it sets from its own place, the home folder or fixed texts are filled in. Returns
 * what it could read of a script that is damaged or nested too deep.
 */
export function readWrapper(script: string, { program, home, env }: WrapperContext): Wrapper {
  const wrapper: Wrapper = { commands: [], pathFolders: [], comments: script.match(/^#[^!].*$/gm) ?? [] };
  const variables = new Map<string, string>([
    ['0', program],
    ['HOME', home],
    ['BASH_SOURCE', program],
  ]);
  const expand = (text: string) => expandWord(text, variables, env, dirname(program));
  const read = (node: SyntaxNode): void => {
    if (node.type === 'Command') {
      const assignments = assignmentsOf(node);
      for (const [name, value] of assignments) {
        if (name === 'PATH') wrapper.pathFolders.push(...absolutePathsIn(expand(value)));
        else if (!variables.has(name)) variables.set(name, expand(value));
      }
      const words = commandWords(node).map(expand);
      if (words.length > 0 && wrapper.commands.length < MAX_COMMANDS) wrapper.commands.push(words);
    }
    forEachChild(node, read);
  };
  try {
    read(parse(script));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return wrapper;
}

/** Returns the assignments of a command: those before it, and the arguments of `export`. */
function assignmentsOf(command: Command): [name: string, value: string][] {
  const found: [string, string][] = [];
  for (const each of command.prefix) {
    if (each.type === 'Assignment' && each.name !== undefined && each.value?.type === 'Word')
      found.push([each.name, each.value.value]);
  }
  if (command.name === undefined || textOf(command.name) !== 'export') return found;
  for (const [, name, text] of command.args.map((word) => /^(\w+)=([^]*)$/.exec(textOf(word)) ?? [])) {
    if (name !== undefined && text !== undefined) found.push([name, text]);
  }
  return found;
}

/** Returns the words of the program that a command starts, without `exec -a name` and `env NAME=value`. */
function commandWords(command: Command): string[] {
  let words = command.name === undefined ? [] : [command.name, ...command.args].map(textOf);
  if (words[0] === 'exec') {
    const at = words[1] === '-a' ? 3 : 1;
    words = words.slice(at).filter((word, index) => index > 0 || !word.startsWith('-'));
  }
  if (words[0] === 'env' || words[0] === '/usr/bin/env') {
    const at = words.findIndex((word, index) => index > 0 && !/^(-|\w+=)/.test(word));
    words = at < 0 ? [] : words.slice(at);
  }
  return words;
}

/** Returns a word without its quotes. Expansions stay as they are written. */
function textOf(word: { text: string; value?: unknown }): string {
  return typeof word.value === 'string' ? word.value : word.text;
}

function expandWord(text: string, variables: Map<string, string>, env: NodeJS.ProcessEnv, folder: string): string {
  if (text.length > LONGEST_WORD) return '';
  // `$(dirname "$0")` and `$(cd "$(dirname "$0")" && pwd)` are the folder of the script, as are `${0%/*}` and the like.
  const placed = text
    .replace(/\$\{(?:0|BASH_SOURCE(?:\[0\])?)%\/\*\}/g, folder)
    .replace(/^\$\(.*\bdirname\b[^]*\)/, folder);
  const expanded = placed.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (whole, plain: string | undefined, braced: string | undefined) =>
      variables.get(plain ?? braced ?? '') ?? env[plain ?? braced ?? ''] ?? whole,
  );
  return expanded.length > LONGEST_WORD ? '' : expanded;
}

function absolutePathsIn(text: string): string[] {
  return text.match(/\/[^:$'"{}\s]+/g) ?? [];
}
