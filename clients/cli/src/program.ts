import { Command, CommanderError } from 'commander';
import { CodedError, errorInfo, toErrorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { addDecode } from './commands/decode.js';
import { addDoctor } from './commands/doctor.js';
import { addImport } from './commands/import.js';
import { addLink } from './commands/link.js';
import { addNatsEnv } from './commands/natsEnv.js';
import { addLocal, addRunner } from './commands/programs.js';
import { addSessions } from './commands/sessions.js';
import { addTail } from './commands/tail.js';
import { examples, type Context } from './context.js';
import { EXIT, Failure, line, type Io } from './io.js';

/** Width of help texts, whatever the terminal: they are read in documents too. */
const HELP_WIDTH = 100;

function buildProgram(context: Context, version: string): Command {
  const { io } = context;
  const program = new Command('pizzapi')
    .description('Stream coding-agent sessions to any browser or terminal, and steer them from there.')
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print this')
    .helpCommand('help [command]', 'Print the help of a command')
    .exitOverride()
    .configureHelp({ helpWidth: HELP_WIDTH })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // An error is reported once, in our own form, by `runCli`.
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      examples('pizzapi local', 'pizzapi sessions', 'pizzapi tail <sid>', 'pizzapi doctor') +
        '\n\nEvery command has its own help: pizzapi <command> --help',
    );
  addLocal(program, context);
  addLink(program, context);
  addSessions(program, context);
  addTail(program, context);
  addImport(program, context);
  addRunner(program, context);
  addNatsEnv(program, context);
  addDecode(program, context);
  addDoctor(program, context);
  return program;
}

/** Runs one command line. Resolves with the exit code; whatever goes wrong is one `code: sentence` on stderr. */
export async function runCli(argv: readonly string[], io: Io, version: string): Promise<number> {
  const context: Context = { io, argv, exitCode: EXIT.ok };
  try {
    await buildProgram(context, version).parseAsync(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' });
    return context.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    const { info, exitCode } = outcomeOf(thrown);
    line(io.stderr, `${info.code}: ${info.message}`);
    return exitCode;
  }
}

function outcomeOf(thrown: unknown): { info: ErrorInfo; exitCode: number } {
  if (thrown instanceof Failure) return { info: thrown.info, exitCode: thrown.exitCode };
  if (thrown instanceof CommanderError) {
    const what = thrown.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    return { info: errorInfo('bad_option', what.charAt(0).toUpperCase() + what.slice(1)), exitCode: EXIT.usage };
  }
  if (thrown instanceof CodedError) {
    return { info: toErrorInfo(thrown), exitCode: thrown.code === 'bad_option' ? EXIT.usage : EXIT.failed };
  }
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    info: { code: 'internal', message: `${detail.replace(/[.\s]*$/, '')}. This is a bug.` },
    exitCode: EXIT.failed,
  };
}
