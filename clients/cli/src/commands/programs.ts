import type { Command } from 'commander';
import { OPTIONS, readOptions } from '@pizzapi/process';
import { readNatsAccess } from '../home.js';
import { readRunnerToken } from '../runnerToken.js';
import { becomeProgram, mainOf, runProgram } from '../child.js';
import type { Context } from '../context.js';

/** What was typed after the name of a command that is a program of its own, which has the options and their help. */
function rest({ argv }: Context, name: string): string[] {
  return argv.slice(argv.indexOf(name) + 1);
}

/** A command whose options are another program's. */
function passThrough(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .usage('[options]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments();
}

export function addLocal(program: Command, context: Context): void {
  passThrough(program, 'local', 'Run everything on this machine and print a link to open').action(async () => {
    const main = mainOf('@pizzapi/local/main', '../../../deploy/local/dist/main.js');
    context.exitCode = await runProgram(main, rest(context, 'local'), context.io.env);
  });
}

export function addRunner(program: Command, context: Context): void {
  passThrough(
    program,
    'runner',
    'Host sessions on this machine for a gateway that runs elsewhere or here; `runner pair` gets it a token',
  ).action(async () => {
    const args = rest(context, 'runner');
    const main = mainOf('@pizzapi/runner/main', '../../runner/dist/main.js');
    await becomeProgram(main, args, keptAccess(args, context.io.env));
  });
}

/**
 * What a runner shows where the person has set no token: what `pizzapi runner pair` got for this home; else, with no
 * nats-server named, the token of the local run, which never goes to another one's.
 */
export function keptAccess(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['PIZZAPI_RUNNER_TOKEN']) return {};
  const home = homeOf(args, env);
  const isNamed = Boolean(env['PIZZAPI_NATS_URL']) || args.some((arg) => arg.startsWith('--nats-url'));
  const { token, natsUrl } = readRunnerToken(home) ?? (isNamed ? undefined : localAccess(home)) ?? {};
  if (token === undefined) return {};
  return {
    PIZZAPI_RUNNER_TOKEN: token,
    ...(isNamed || natsUrl === undefined ? {} : { PIZZAPI_NATS_URL: natsUrl }),
  };
}

function localAccess(home: string): { token: string; natsUrl: string } | undefined {
  const access = readNatsAccess(home);
  return access && { token: access.runnerToken, natsUrl: access.url };
}

function homeOf(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const at = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='));
  const flags = at < 0 ? {} : { home: args[at] === '--home' ? args[at + 1] : args[at]!.slice('--home='.length) };
  return readOptions({ home: OPTIONS.home }, flags, env).home;
}
