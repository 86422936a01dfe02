import type { Command } from 'commander';
import { OPTIONS, readOptions } from '@pizzapi/process';
import { readNatsAccess } from '../home.js';
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
  passThrough(program, 'runner', 'Host sessions on this machine for a gateway that runs elsewhere or here').action(
    async () => {
      const args = rest(context, 'runner');
      const main = mainOf('@pizzapi/runner/main', '../../runner/dist/main.js');
      await becomeProgram(main, args, localLogin(args, context.io.env));
    },
  );
}

/** The login of the local run, for a person who has named no nats-server. */
function localLogin(args: readonly string[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env['PIZZAPI_NATS_URL'] || args.some((arg) => arg.startsWith('--nats-url'))) return {};
  const at = args.findIndex((arg) => arg === '--home' || arg.startsWith('--home='));
  const flags = at < 0 ? {} : { home: args[at] === '--home' ? args[at + 1] : args[at]!.slice('--home='.length) };
  const access = readNatsAccess(readOptions({ home: OPTIONS.home }, flags, env).home);
  if (access === undefined) return {};
  const { user, password } = access.users.runner;
  return { PIZZAPI_NATS_URL: access.url, PIZZAPI_NATS_USER: user, PIZZAPI_NATS_PASSWORD: password };
}
