import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { CodedError, MAX_EXEC_OUTPUT_BYTES, MAX_EXEC_TIMEOUT_MS, parseBytes, parseDuration } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { findRunner } from '../runnerLookup.js';
import { runOnHost, type HostCommand } from '../runOnHost.js';
import { unwrapResult } from '../unwrapResult.js';

interface ExecFlags extends Record<string, unknown> {
  cwd?: string;
  env?: string[];
  shell?: true;
  timeout?: string;
  maxOutput?: string;
  stdin: boolean;
}

/** Adds `exec`, which runs a command on the host of a runner. */
export function addExec(program: Command, context: CliContext): void {
  const { io } = context;
  addOptions(program.command('exec <runner> <command...>'), GATEWAY_OPTIONS)
    .description('Run a command on the host of a runner, as ssh does: input, both outputs, signals and exit code')
    .option('--cwd <folder>', 'Folder within the roots of the runner (default: the first root)')
    .option('--env <name=value...>', 'Variables beside those that commands of the agent have')
    .option('--shell', 'Run the command as a script of /bin/sh; further words are its arguments')
    .option('--timeout <duration>', 'End the command after this time: 30s, 2h (default: 10m)')
    .option('--max-output <size>', 'End the command when it has printed more: 1GiB (default: 16MiB)')
    .option('-n, --no-stdin', 'Do not pass on the input of this command')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi exec laptop -- git -C project status',
        'tar cz . | pizzapi exec laptop --cwd project -- tar xz',
        "pizzapi exec laptop --shell 'df -h | grep /home'",
      )}

<runner> is a name, an id or the beginning of one. Whatever stands behind \`--\` is the command. Ctrl-C interrupts the
command, a second one ends it with all that it started. The exit code is that of the command; 128 and the number of
the signal that ended it; 127 when there is no such program, 126 when it cannot be started; 255 when PizzaPi failed.`,
    )
    .action(async (named: string, argv: string[], flags: ExecFlags) => {
      const command = commandOf(argv, flags, io.colour);
      const gateway = gatewayOf(flags, io);
      const { runners } = await unwrapResult(gateway, gateway.api.runners());
      const { runnerId } = findRunner(runners, named);
      context.exitCode = await runOnHost(io, gateway.api, runnerId, command);
    });
}

function commandOf(argv: string[], flags: ExecFlags, colour: boolean): HostCommand {
  const { cwd, shell, stdin } = flags;
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout);
  if (flags.timeout !== undefined && (timeoutMs === undefined || timeoutMs > MAX_EXEC_TIMEOUT_MS))
    throw new CodedError('bad_option', '--timeout is a time such as 30s, 10m, 2h, up to 7d');
  const maxOutputBytes = flags.maxOutput === undefined ? undefined : parseBytes(flags.maxOutput);
  if (flags.maxOutput !== undefined && (maxOutputBytes === undefined || maxOutputBytes > MAX_EXEC_OUTPUT_BYTES))
    throw new CodedError('bad_option', '--max-output is a size such as 512KiB, 16MiB, 1GiB, up to 64GiB');
  return {
    stdin,
    request: {
      argv,
      env: { ...(colour ? COLOURS : {}), ...variables(flags.env ?? []) },
      ...(shell === true ? { shell } : {}),
      ...(cwd === undefined ? {} : { cwd }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
    },
  };
}

/** What makes programs use colours although their output is a pipe. */
const COLOURS = { FORCE_COLOR: '1', CLICOLOR_FORCE: '1', TERM: 'xterm-256color' };

function variables(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw new CodedError('bad_option', `--env has the form NAME=value, not "${text.slice(0, 40)}"`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
