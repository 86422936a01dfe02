import type { Command } from 'commander';
import { OPTIONS, readOptions } from '@pizzapi/process';
import { readLocalState, readNatsAccess } from '../home.js';
import { readRunnerToken } from '../runnerToken.js';
import { becomeProgram, mainOf, runProgram } from '../spawnProgram.js';
import type { CliContext } from '../context.js';

/** What was typed after the name of a command that is a program of its own, which has the options and their help. */
function rest({ argv }: CliContext, name: string): string[] {
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

export function addLocal(program: Command, context: CliContext): void {
  passThrough(program, 'local', 'Run everything on this machine and print a sign-in link').action(async () => {
    const main = mainOf('@pizzapi/local/main', '../../../deploy/local/dist/main.js');
    context.exitCode = await runProgram(main, rest(context, 'local'), context.io.env);
  });
}

export function addRunner(program: Command, context: CliContext): void {
  passThrough(
    program,
    'runner',
    'Host sessions on this machine for a gateway; `runner pair` gets a token for it',
  ).action(async () => {
    const args = rest(context, 'runner');
    const main = mainOf('@pizzapi/runner/main', '../../runner/dist/main.js');
    await becomeProgram(main, args, keptAccess(args, context.io.env));
  });
}

/** What lets a host in. `natsUrl` and the gateway's address are there when they came with the token. */
interface KeptToken {
  token: string;
  natsUrl: string | undefined;
  relayUrl: string | undefined;
}

/**
 * What a runner shows where the person has set no token: what `pizzapi runner pair` got for this home; else, with no
 * nats-server named, the token of the local run, which never goes to another one's.
 */
export function keptAccess(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['PIZZAPI_RUNNER_TOKEN']) return {};
  const isNamed = namesNats(args, env);
  const { token, natsUrl } = keptToken(homeOf(args, env), isNamed) ?? {};
  if (token === undefined) return {};
  return {
    PIZZAPI_RUNNER_TOKEN: token,
    ...(isNamed || natsUrl === undefined ? {} : { PIZZAPI_NATS_URL: natsUrl }),
  };
}

/** The same choice for a host in this process: the person's own token, the one that was kept, or none at all. */
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
