import type { Command } from 'commander';
import { OPTIONS, readOptions } from '@pizzapi/process';
import { homeOf, keptToken, namesNats } from '@pizzapi/runner/access';
import { becomeProgram, mainOf, runProgram } from '../spawnProgram.js';
import type { CliContext } from '../context.js';

/** Returns the arguments after the name of a command that is a separate program with its own options and help. */
function rest({ argv }: CliContext, name: string): string[] {
  return argv.slice(argv.indexOf(name) + 1);
}

/** Adds a command whose options are those of another program. */
function passThrough(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .usage('[options]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments();
}

export function addLocal(program: Command, context: CliContext): void {
  passThrough(program, 'local', 'Run everything on this machine and print a sign-in link').action(async () => {
    const main = mainOf('@pizzapi/local/main', 'relay_not_included');
    context.exitCode = await runProgram(main, rest(context, 'local'), context.io.env);
  });
}

export function addRunner(program: Command, context: CliContext): void {
  passThrough(
    program,
    'runner',
    'Host sessions on this machine for a gateway; `runner pair` gets a token, `runner install` starts it with the machine, `runner list` and `runner forget` manage runners',
  ).action(async () => {
    const args = rest(context, 'runner');
    const main = mainOf('@pizzapi/runner/main');
    await becomeProgram(main, args, keptAccess(args, context.io.env));
  });
}

/**
 * Returns the environment for a runner whose person has set no token. Uses the token from `pizzapi runner pair` for
 * this home. Without one, and only when no nats-server is named, uses the token of the local run, which is never sent
 * to another server.
 */
export function keptAccess(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (readOptions({ token: OPTIONS.runnerToken }, {}, env).token !== undefined) return {};
  const isNamed = namesNats(args, env);
  const { token, natsUrl, name } = keptToken(homeOf(args, env), isNamed) ?? {};
  if (token === undefined) return {};
  return {
    PIZZAPI_RUNNER_TOKEN: token,
    ...(isNamed || natsUrl === undefined ? {} : { PIZZAPI_NATS_URL: natsUrl }),
    ...(name === undefined || env['PIZZAPI_RUNNER_NAME'] ? {} : { PIZZAPI_RUNNER_NAME: name }),
  };
}
