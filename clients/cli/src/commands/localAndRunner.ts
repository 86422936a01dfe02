import type { Command } from 'commander';
import { OPTIONS, readOptions, type RunnerPairing } from '@pizzapi/process';
import { readLocalState, readNatsAccess } from '../home.js';
import { readRunnerToken } from '../runnerToken.js';
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
    const main = mainOf('@pizzapi/local/main');
    context.exitCode = await runProgram(main, rest(context, 'local'), context.io.env);
  });
}

export function addRunner(program: Command, context: CliContext): void {
  passThrough(
    program,
    'runner',
    'Host sessions on this machine for a gateway; `runner pair` gets a token, `runner list` and `runner forget` manage runners',
  ).action(async () => {
    const args = rest(context, 'runner');
    const main = mainOf('@pizzapi/runner/main');
    await becomeProgram(main, args, keptAccess(args, context.io.env));
  });
}

/** The token with which a runner connects. The other fields are set when they were stored with the token. */
type KeptToken = Pick<RunnerPairing, 'token' | 'natsUrl' | 'name'> & { relayUrl: string | undefined };

/**
 * Returns the environment for a runner whose person has set no token. Uses the token from `pizzapi runner pair` for
 * this home. Without one, and only when no nats-server is named, uses the token of the local run, which is never sent
 * to another server.
 */
export function keptAccess(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['PIZZAPI_RUNNER_TOKEN']) return {};
  const isNamed = namesNats(args, env);
  const { token, natsUrl, name } = keptToken(homeOf(args, env), isNamed) ?? {};
  if (token === undefined) return {};
  return {
    PIZZAPI_RUNNER_TOKEN: token,
    ...(isNamed || natsUrl === undefined ? {} : { PIZZAPI_NATS_URL: natsUrl }),
    ...(name === undefined || env['PIZZAPI_RUNNER_NAME'] ? {} : { PIZZAPI_RUNNER_NAME: name }),
  };
}

/** The same choice for a runner in this process: the token in the environment, the stored token, or none. */
export function hostAccess(env: NodeJS.ProcessEnv): (KeptToken & { natsUrl: string }) | undefined {
  const token = env['PIZZAPI_RUNNER_TOKEN'];
  const found: KeptToken | undefined = token
    ? { token, natsUrl: undefined, relayUrl: undefined }
    : keptToken(homeOf([], env), namesNats([], env));
  const named = readOptions({ natsUrl: OPTIONS.natsUrl }, {}, env).natsUrl;
  return found && { ...found, natsUrl: (namesNats([], env) ? undefined : found.natsUrl) ?? named };
}

function namesNats(args: readonly string[], env: NodeJS.ProcessEnv): boolean {
  return Boolean(env['PIZZAPI_NATS_URL']) || args.some((arg) => arg.startsWith('--nats-url'));
}

function keptToken(home: string, isNatsNamed: boolean): KeptToken | undefined {
  const paired = readRunnerToken(home);
  if (paired !== undefined || isNatsNamed) return paired;
  const local = readNatsAccess(home);
  return local && { token: local.runnerToken, natsUrl: local.url, relayUrl: readLocalState(home)?.url };
}

function homeOf(args: readonly string[], env: NodeJS.ProcessEnv): string {
  const at = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='));
  const flags = at < 0 ? {} : { home: args[at] === '--home' ? args[at + 1] : args[at]!.slice('--home='.length) };
  return readOptions({ home: OPTIONS.home }, flags, env).home;
}
