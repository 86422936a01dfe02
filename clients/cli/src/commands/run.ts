import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, type NewSessionReply, type RunnerInfo } from '@pizzapi/protocol';
import { answerOf } from '../answers.js';
import { GATEWAY_OPTIONS, gatewayOf, type Gateway } from '../home.js';
import { Failure, line, plain } from '../io.js';
import { untilAgentEnds } from '../untilAgentEnds.js';
import { attachTo, requireTerminal } from './attach.js';
import { examples, type Context } from '../context.js';

interface RunFlags extends Record<string, unknown> {
  detach?: true;
  wait?: true;
  json?: true;
  runner?: string;
  cwd?: string;
  model?: string;
  name?: string;
}

export function addRun(program: Command, context: Context): void {
  addOptions(program.command('run [prompt]'), GATEWAY_OPTIONS)
    .description('Start a session on a runner and attach to it')
    .option('-d, --detach', 'Print its id and link instead of attaching')
    .option('--wait', 'Print what happens until the agent is done, instead of attaching')
    .option('--runner <runner>', 'Id or name of the runner (default: the only one that is online)')
    .option('--cwd <folder>', "Folder on the runner (default: the runner's)")
    .option('--model <model>', "Model, as provider/id (default: the runner's)")
    .option('--name <name>', 'What the session is called')
    .option('--json', 'With --detach: print one line of JSON, { sessionId, runnerId, shareUrl }')
    .addHelpText(
      'after',
      `${examples('pizzapi run', 'pizzapi run --detach "Fix the failing test" --cwd ~/project', 'pizzapi run --wait "Summarise the README"')}

With --wait it ends with 0 when the agent is done, and with 1 when it failed or was stopped.`,
    )
    .action(async (prompt: string | undefined, flags: RunFlags) => {
      const { io } = context;
      const attaches = flags.detach !== true && flags.wait !== true;
      if (attaches) requireTerminal(io, '`pizzapi run --detach` starts a session and leaves it to itself');
      if (flags.wait === true && prompt === undefined) {
        throw new Failure(errorInfo('input_empty', 'Without a prompt there is nothing to wait for'));
      }
      const gateway = gatewayOf(flags, io);
      const started = await start(gateway, prompt, flags);
      if (attaches) {
        context.exitCode = await attachTo(started.sessionId, { ...flags, name: undefined }, io);
        return;
      }
      if (flags.json === true) line(io.stdout, JSON.stringify(started));
      else if (flags.detach === true) {
        line(io.stdout, started.sessionId);
        line(io.stdout, started.shareUrl);
      }
      if (flags.wait === true) context.exitCode = await untilAgentEnds(gateway, started.sessionId, io);
    });
}

async function start(gateway: Gateway, prompt: string | undefined, flags: RunFlags): Promise<NewSessionReply> {
  const { runners } = await answerOf(gateway, gateway.api.runners());
  const { runnerId } = chooseRunner(runners, flags.runner);
  const { cwd, model, name } = flags;
  const wanted = Object.entries({ prompt, cwd, model, name }).filter(([, value]) => value !== undefined);
  return answerOf(gateway, gateway.api.createSession({ runnerId, ...Object.fromEntries(wanted) }));
}

/** The runner that was named, or the only one there is. Fails with what there is to choose from. */
export function chooseRunner(runners: readonly RunnerInfo[], named: string | undefined): RunnerInfo {
  const online = runners.filter((runner) => runner.online === true);
  const fitting = online.filter(({ runnerId, name }) => named === undefined || runnerId === named || name === named);
  const byId = fitting.find(({ runnerId }) => runnerId === named);
  if (byId !== undefined) return byId;
  if (fitting.length === 1) return fitting[0]!;
  const there = online.map(({ runnerId, name }) => plain(name === '' ? runnerId : `${name} (${runnerId})`)).join(', ');
  if (online.length === 0) throw new Failure(errorInfo('runner_not_found', 'No runner is online'));
  const what = named === undefined ? 'There are several runners' : `No single runner "${plain(named, 80)}" is online`;
  throw new Failure({ code: 'runner_not_found', message: `${what}. Name one with --runner: ${there}.` });
}
