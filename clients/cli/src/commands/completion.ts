import { execFile } from 'node:child_process';
import { Argument, type Command } from 'commander';
import { candidates, COMPLETE, completionScript, SHELLS, type CompletionSource, type Shell } from '../completion.js';
import { queryText } from '@pizzapi/session-client';
import { examples, type CliContext } from '../context.js';
import { gatewayOf } from '../home.js';
import { line, toSafeLine, type Io } from '../io.js';
import { mainOf } from '../spawnProgram.js';

/** How long the gateway and another program may take, in ms: a person waits at the prompt. */
const PATIENCE_MS = 2_000;

/** The programs whose commands have flags of their own. */
const PROGRAMS: Readonly<Record<string, string>> = { local: '@pizzapi/local/main', runner: '@pizzapi/runner/main' };

export function addCompletion(program: Command, { io }: CliContext): void {
  program
    .command('completion')
    .description('Print a script that completes commands, flags, sessions and runners in a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      examples(
        'eval "$(pizzapi completion bash)"   # in ~/.bashrc',
        'eval "$(pizzapi completion zsh)"    # in ~/.zshrc, after compinit',
        'pizzapi completion fish > ~/.config/fish/completions/pizzapi.fish',
      ),
    )
    .action((shell: Shell) => line(io.stdout, completionScript(shell)));
  program
    .command(`${COMPLETE} [words...]`, { hidden: true })
    .allowUnknownOption()
    .action(async (words: string[]) => {
      for (const { word, about } of await candidates(program, words, sourceOf(io)))
        line(io.stdout, `${word}\t${toSafeLine(about, 60)}`);
    });
}

function sourceOf(io: Io): CompletionSource {
  const { api } = gatewayOf({}, io);
  return {
    sessions: async (typed) => {
      const q = queryText(typed);
      const reply = await soon(api.sessions(q === undefined ? {} : { q }));
      return reply?.kind === 'ok' ? reply.value.sessions : [];
    },
    runners: async () => {
      const reply = await soon(api.runners());
      return reply?.kind === 'ok' ? reply.value.runners : [];
    },
    programFlags: (command) => programFlags(PROGRAMS[command]),
  };
}

/** Resolves with undefined when the answer takes too long. */
async function soon<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE_MS, undefined).unref());
  return Promise.race([answer, late]);
}

/** Reads the flags of a program from its help. */
function programFlags(specifier: string | undefined): Promise<string[]> {
  if (specifier === undefined) return Promise.resolve([]);
  return new Promise((resolve) => {
    execFile(process.execPath, [mainOf(specifier), '--help'], { timeout: PATIENCE_MS }, (_error, stdout) =>
      resolve([...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z][a-z-]*)/gm)].map(([, flag]) => flag!)),
    );
  });
}
