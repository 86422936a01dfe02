import { Command, CommanderError } from 'commander';
import { visibleText, CodedError, errorInfo, toErrorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { addMaintenance } from './commands/maintenance.js';
import { addChanges } from './commands/changes.js';
import { addCompletion } from './commands/completion.js';
import { addCredentials } from './commands/credentials.js';
import { addDecode } from './commands/decode.js';
import { addDoctor } from './commands/doctor.js';
import { addHostTerminal } from './commands/terminal.js';
import { addExec } from './commands/exec.js';
import { addFiles } from './commands/files.js';
import { addImport } from './commands/import.js';
import { addLink } from './commands/link.js';
import { addNatsEnv } from './commands/natsEnv.js';
import { addLocal, addRunner } from './commands/localAndRunner.js';
import { addSessions } from './commands/sessions.js';
import { addTail } from './commands/tail.js';
import { addAttach } from './commands/attach.js';
import { addAudit } from './commands/audit.js';
import { addKeys } from './commands/keys.js';
import { addMigrate } from './commands/migrate.js';
import { addLogin } from './commands/login.js';
import { addLogout } from './commands/logout.js';
import { addForkAndResume } from './commands/forkResume.js';
import { addManage } from './commands/manage.js';
import { addPi } from './commands/pi.js';
import { addPurge } from './commands/purge.js';
import { addProvision } from './commands/provision.js';
import { addRun } from './commands/run.js';
import { addRunnerPair } from './commands/runnerPair.js';
import { addRunnerControl } from './commands/runnerControl.js';
import { addRunners } from './commands/runners.js';
import { addRunnerService } from './commands/runnerService.js';
import { addShare } from './commands/share.js';
import { addTop } from './commands/top.js';
import { addUsage } from './commands/usage.js';
import { addUsers } from './commands/users.js';
import { addWorktrees } from './commands/worktrees.js';
import { addWhoami } from './commands/whoami.js';
import { examples, type CliContext } from './context.js';
import { EXIT, Failure, line, toSafeLine, type Io } from './io.js';

/** The width of help texts. It does not depend on the terminal, because documents quote the texts. */
const HELP_WIDTH = 100;

const HELP_AFTER = `

\`pizzapi\` alone starts pi's terminal UI; so do pi's own flags (\`pizzapi --continue\`), a file
(\`pizzapi @notes.md\`) and a prompt of several words. Whatever stands behind \`--\` goes to pi:
\`pizzapi -- --help\` lists its flags. In there, /share makes a link to the session.

Every command has its own help: pizzapi <command> --help`;

function buildProgram(context: CliContext, version: string): Command {
  const { io } = context;
  const program = new Command('pizzapi')
    .description(
      'Without a command: pi in this terminal, with /share. The commands stream coding-agent sessions to any browser or ' +
        'terminal, and steer them from there.',
    )
    .usage('[command] [options]')
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print this')
    .helpCommand('help [command]', 'Print the help of a command')
    .exitOverride()
    .configureHelp({ helpWidth: HELP_WIDTH })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // `runCli` reports an error once, in our own form.
      outputError: () => undefined,
    })
    .addHelpText(
      'after',
      examples(
        'pizzapi',
        'pizzapi "Fix the failing test"',
        'pizzapi local',
        'pizzapi sessions',
        'pizzapi share last',
        'pizzapi doctor',
      ) + HELP_AFTER,
    );
  addLocal(program, context);
  addLink(program, context);
  addSessions(program, context);
  named(program, 'sessions').alias('ls');
  addTail(program, context);
  addAttach(program, context);
  addRun(program, context);
  addForkAndResume(program, context);
  addManage(program, context);
  addPurge(program, context);
  addShare(program, context);
  addImport(program, context);
  addLogin(program, context);
  addLogout(program, context);
  addWhoami(program, context);
  addUsage(program, context);
  addKeys(program, context);
  addUsers(program, context);
  addAudit(program, context);
  addChanges(program, context);
  addWorktrees(program, context);
  addExec(program, context);
  addFiles(program, context);
  addHostTerminal(program, context);
  addTop(program, context);
  addRunner(program, context);
  addRunnerPair(named(program, 'runner'), context);
  addRunnerService(named(program, 'runner'), context);
  addRunnerControl(named(program, 'runner'), context);
  addRunners(named(program, 'runner'), context);
  addCredentials(program, context);
  addMaintenance(program, context);
  addMigrate(program, context);
  addNatsEnv(program, context);
  addProvision(program, context);
  addDecode(program, context);
  addDoctor(program, context);
  addPi(program, context);
  addCompletion(program, context);
  return program;
}

function named(program: Command, name: string): Command {
  const found = program.commands.find((command) => command.name() === name);
  if (found === undefined) throw new TypeError(`No command ${name}`);
  return found;
}

/** Runs one command line. Resolves with the exit code. Prints every error as one `code: sentence` on stderr. */
export async function runCli(argv: readonly string[], io: Io, version: string): Promise<number> {
  const context: CliContext = { io, argv, exitCode: EXIT.ok };
  try {
    await buildProgram(context, version).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    const { info, exitCode } = outcomeOf(thrown, argv);
    line(io.stderr, `${info.code}: ${visibleText(info.message)}`);
    return exitCode;
  }
}

function outcomeOf(thrown: unknown, argv: readonly string[]): { info: ErrorInfo; exitCode: number } {
  if (thrown instanceof Failure) return { info: thrown.info, exitCode: thrown.exitCode };
  if (thrown instanceof CommanderError) {
    const what = thrown.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    if (thrown.code === 'commander.unknownCommand') {
      const sentence = what.charAt(0).toUpperCase() + what.slice(1);
      const message = `${sentence}. \`pizzapi --help\` lists the commands; \`pizzapi -- ${toSafeLine(argv.join(' '), 60)}\` passes it to pi.`;
      return { info: { code: 'bad_option', message }, exitCode: EXIT.usage };
    }
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
