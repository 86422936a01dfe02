import { titleOf, type RunnerInfo, type SessionInfo } from '@pizzapi/protocol';
import type { Command, Option } from 'commander';
import { LAST, shortIds } from './sessionLookup.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that prints the candidates for the last word, one in a line, each with a tab and a description. */
export const COMPLETE = '__complete';

/** What completion lists from the gateway. Each resolves with an empty list when the gateway does not answer. */
export interface CompletionSource {
  /** `typed`: what the session begins with; a gateway with many sessions sends those that have it somewhere. */
  sessions: (typed: string) => Promise<readonly SessionInfo[]>;
  runners: () => Promise<readonly RunnerInfo[]>;
  /** Returns the flags of a command that is a separate program. */
  programFlags: (command: string) => Promise<readonly string[]>;
}

/** A word that may come next. */
export interface Candidate {
  word: string;
  about: string;
}

/**
 * Names with other characters are not offered: agents and guests can rename sessions, and a shell inserts a candidate into
 * the command line.
 */
const PLAIN_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,60}$/u;

/** Returns what can follow: `words` are the words after `pizzapi`, of which the last one is incomplete. */
export async function candidates(
  program: Command,
  words: readonly string[],
  source: CompletionSource,
): Promise<Candidate[]> {
  const before = words.slice(0, -1);
  const typed = (words.at(-1) ?? '').replace(/^["']/, '').replace(/\\(.)/g, '$1');
  if (before.includes('--')) return [];
  const { command, operands, open } = read(program, before);
  const all = await next(command, operands, open, typed, source);
  return all.filter(({ word }) => word.startsWith(typed));
}

/** Follows the words: which command they name, how many operands it has, and whether a flag waits for its value. */
function read(program: Command, words: readonly string[]): { command: Command; operands: number; open?: Option } {
  let command = program;
  let operands = 0;
  let open: Option | undefined;
  for (const word of words) {
    if (open !== undefined) open = undefined;
    else if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => long === word || short === word);
      if (option !== undefined && (option.required || option.optional)) open = option;
    } else {
      const sub = operands === 0 ? subcommand(command, word) : undefined;
      if (sub === undefined) operands += 1;
      else command = sub;
    }
  }
  return { command, operands, ...(open === undefined ? {} : { open }) };
}

function subcommand(command: Command, word: string): Command | undefined {
  return command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word));
}

async function next(
  command: Command,
  operands: number,
  open: Option | undefined,
  typed: string,
  source: CompletionSource,
): Promise<Candidate[]> {
  if (open !== undefined) {
    if (open.long === '--runner') return runnerWords(await source.runners());
    return (open.argChoices ?? []).map((word) => ({ word, about: '' }));
  }
  if (typed.startsWith('-')) return flagsOf(command, source);
  const subcommands = operands === 0 ? visible(command) : [];
  const argument = command.registeredArguments[operands]?.name();
  if (argument === 'session')
    return [...subcommands, ...sessionWords(await source.sessions(LAST.startsWith(typed) ? '' : typed))];
  if (argument === 'runner') return [...subcommands, ...runnerWords(await source.runners())];
  const choices = command.registeredArguments[operands]?.argChoices ?? [];
  return [...subcommands, ...choices.map((word) => ({ word, about: '' }))];
}

async function flagsOf(command: Command, source: CompletionSource): Promise<Candidate[]> {
  const own = command.createHelp().visibleOptions(command);
  const flags = own.flatMap(({ long, description }) => (long == null ? [] : [{ word: long, about: description }]));
  const isProgram = command.options.length === 0 && command.parent !== null;
  if (!isProgram) return flags;
  return [...flags, ...(await source.programFlags(command.name())).map((word) => ({ word, about: '' }))];
}

function visible(command: Command): Candidate[] {
  const { commands } = command;
  const shown = command.createHelp().visibleCommands(command);
  return shown.filter((sub) => commands.includes(sub)).map((sub) => ({ word: sub.name(), about: sub.description() }));
}

function sessionWords(sessions: readonly SessionInfo[]): Candidate[] {
  const short = shortIds(sessions.map(({ sessionId }) => sessionId));
  const titles = sessions.map((session) => titleOf(session, ''));
  const isUnique = (title: string) => titles.filter((other) => other === title).length === 1;
  return [
    ...(sessions.length === 0 ? [] : [{ word: LAST, about: 'the session that was active last' }]),
    ...sessions.map((session) => ({ word: short(session.sessionId), about: titleOf(session, '') })),
    ...titles.filter((title) => PLAIN_NAME.test(title) && isUnique(title)).map((word) => ({ word, about: 'session' })),
  ];
}

function runnerWords(runners: readonly RunnerInfo[]): Candidate[] {
  return runners.map(({ runnerId, name }) => ({ word: PLAIN_NAME.test(name) ? name : runnerId, about: runnerId }));
}

/** Returns the script that a shell reads to complete `pizzapi`. The candidates are data: no shell expands them. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return `# pizzapi completion for bash: eval "$(pizzapi completion bash)"
_pizzapi() {
  local word
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    COMPREPLY+=("$(printf '%q' "$word")")
  done < <(pizzapi ${COMPLETE} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _pizzapi pizzapi`;
    case 'zsh':
      return `#compdef pizzapi
# pizzapi completion for zsh: eval "$(pizzapi completion zsh)"
_pizzapi() {
  local line tab=$'\\t'
  local -a found shown
  while IFS= read -r line; do
    found+=("\${line%%\${tab}*}")
    shown+=("\${line/\${tab}/  }")
  done < <(pizzapi ${COMPLETE} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then compadd -l -d shown -a -- found; else _files; fi
}
compdef _pizzapi pizzapi`;
    case 'fish':
      return `# pizzapi completion for fish: pizzapi completion fish | source
function __pizzapi_complete
  set -l words (commandline -opc)
  pizzapi ${COMPLETE} -- $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c pizzapi -f -a '(__pizzapi_complete)'`;
  }
}
