import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, visibleText, type NewSessionReply } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { EXIT, Failure, line, toSafeLine, type Io } from '../io.js';
import { printSession } from '../printSession.js';
import { chooseRunner } from '../runnerLookup.js';
import { resolveModel } from '../resolveModel.js';
import { readPiFlags, type PiFlags } from '../piFlags.js';
import { failureText, untilAgentEnds } from '../agentRun.js';
import { attachTo, requireTerminal } from './attach.js';
import { examples, type CliContext } from '../context.js';

interface RunFlags extends Record<string, unknown> {
  detach?: true;
  wait?: true;
  json?: true;
  runner?: string;
  cwd?: string;
  model?: string;
  name?: string;
  resume?: string;
  salvage?: true;
  plan?: true;
  ask?: true;
  goal?: string;
  worktree?: true;
  branch?: string;
  base?: string;
}

export function addRun(program: Command, context: CliContext): void {
  const command = addOptions(program.command('run [prompt]'), GATEWAY_OPTIONS)
    .usage('[options] [prompt] [-- pi options]')
    // The arguments after `--` belong to pi and are not counted here.
    .allowExcessArguments()
    .description('Start a session on a runner and attach to it')
    .option('-d, --detach', 'Print the id and the link of the session instead of attaching')
    .option('--wait', 'Wait until the agent is done and print its answer, instead of attaching')
    .option('--runner <runner>', 'Name of the runner, or the beginning of its id (default: the only online runner)')
    .option('--cwd <folder>', "Folder on the runner (default: the runner's)")
    .option('--model <model>', "Model, as provider/id (default: the runner's)")
    .option('--name <name>', 'Name of the session')
    .option('--resume <file>', 'Continue a pi session file of the runner')
    .option('--salvage', 'With --resume: continue a damaged file in a copy, with what can be read of it')
    .option('--plan', 'Begin in plan mode: the agent changes nothing before you approve its plan')
    .option('--ask', 'Ask for approval before each call that changes something')
    .option('--goal <text>', 'Goal of the session; it is the prompt when there is no other')
    .option('--worktree', 'Give the session a branch and a work tree of its own, of the repository of the folder')
    .option('--branch <name>', 'With --worktree: name of the branch (default: made of the name of the session)')
    .option('--base <revision>', 'With --worktree: where the branch begins (default: HEAD)')
    .option(
      '--json',
      'Print one line of JSON: { sessionId, url, runnerId, shareUrl }, with --wait also { status, answer, error? }; implies --detach',
    )
    .addHelpText(
      'after',
      `${examples('pizzapi run', 'pizzapi run --detach "Fix the failing test" --cwd ~/project', 'pizzapi run --worktree --cwd ~/project "Fix the failing test"', 'pizzapi run --wait "Summarise the README" -- --tools read,grep,ls --thinking high', 'pizzapi run --wait --json "Name a colour" | jq -r .answer')}

Put options of pi after --. They apply for as long as the session
lives: --model, --provider, --thinking, --tools, --no-tools, --no-builtin-tools, --system-prompt,
--append-system-prompt, --no-extensions, --no-skills, --no-prompt-templates, --no-context-files,
--approve, --no-approve.

Extensions, settings and MCP servers of the folder are loaded only when you trust the folder. --approve
loads them for this session. Without it the session asks its owner, and --wait prints what is left out.

With --wait stdout has the agent's answer, and stderr the id and the link of the session. The exit
code is 0 when the agent is done, and 1 when it failed, was stopped, or its host was stopped.`,
    )
    .action(async (_prompt: string | undefined, flags: RunFlags) => {
      const { io } = context;
      const { prompt, pi } = readWords(command.args, context.argv, flags);
      const attaches = flags.detach !== true && flags.wait !== true && flags.json !== true;
      if (attaches) requireTerminal(io, '`pizzapi run --detach` starts a session without attaching');
      if (flags.salvage === true && flags.resume === undefined) {
        throw new Failure(errorInfo('bad_option', '--salvage needs --resume'), EXIT.usage);
      }
      if (flags.worktree !== true && (flags.branch ?? flags.base) !== undefined) {
        throw new Failure(errorInfo('bad_option', '--branch and --base need --worktree'), EXIT.usage);
      }
      if (flags.wait === true && prompt === undefined && flags.goal === undefined) {
        throw new Failure(errorInfo('input_empty', '--wait needs a prompt'));
      }
      const gateway = gatewayOf(flags, io);
      const started = await start(gateway, prompt, flags, pi);
      if (attaches) {
        context.exitCode = await attachTo(started.sessionId, flags, undefined, io);
        return;
      }
      if (flags.wait === true) {
        context.exitCode = await waitForAnswer(gateway, started, flags, io);
      } else if (flags.json === true) {
        printStarted(gateway, started, flags, io);
      } else {
        line(io.stdout, started.sessionId);
        line(io.stdout, started.shareUrl);
      }
    });
}

/** Prints the agent's answer on stdout. Resolves with the exit code. */
async function waitForAnswer(
  gateway: GatewayAccess,
  started: NewSessionReply,
  flags: RunFlags,
  io: Io,
): Promise<number> {
  line(io.stderr, `${started.sessionId}  ${started.shareUrl}`);
  const run = await untilAgentEnds(gateway, started.sessionId, io);
  if (run.status === 'cancelled') return EXIT.interrupted;
  const { status, text: answer, error } = run;
  if (flags.json === true)
    printStarted(gateway, started, flags, io, { status, answer, ...(error === undefined ? {} : { error }) });
  else if (answer !== '') line(io.stdout, visibleText(answer).trimEnd());
  if (status === 'completed') return EXIT.ok;
  line(io.stderr, `command_failed: ${failureText(run, started.sessionId)}`);
  return EXIT.failed;
}

function printStarted(
  { url }: GatewayAccess,
  { sessionId: sid, runnerId, shareUrl }: NewSessionReply,
  flags: RunFlags,
  io: Io,
  end: Readonly<Record<string, unknown>> = {},
): void {
  printSession(io, { sid, url }, flags, { runnerId, shareUrl, ...end });
}

/** Splits the command line at `--`: before it are our arguments, after it pi's. The input may be on either side. */
function readWords(
  operands: readonly string[],
  argv: readonly string[],
  flags: RunFlags,
): { prompt: string | undefined; pi: PiFlags } {
  const dashes = argv.indexOf('--');
  const behind = dashes < 0 ? [] : argv.slice(dashes + 1);
  const pi = readPiFlags(behind);
  const words = [...operands.slice(0, operands.length - behind.length), ...pi.words];
  const [prompt, ...more] = words;
  if (more.length > 0) {
    const what = `Only one prompt is allowed; "${toSafeLine(more[0]!, 40)}" is a second one: put the prompt in quotes`;
    throw new Failure(errorInfo('bad_option', what), EXIT.usage);
  }
  if (flags.model !== undefined && pi.model !== undefined) {
    throw new Failure(errorInfo('bad_option', 'The model is given twice, before and after --'), EXIT.usage);
  }
  return { prompt, pi };
}

async function start(
  gateway: GatewayAccess,
  prompt: string | undefined,
  flags: RunFlags,
  { pi, ...named }: PiFlags,
): Promise<NewSessionReply> {
  const { runners } = await unwrapResult(gateway, gateway.api.runners());
  const { runnerId, models } = chooseRunner(runners, flags.runner);
  const { cwd, name, resume: resumedFrom, salvage } = flags;
  const { model, thinkingLevel = undefined } = resolveModel(flags.model === undefined ? named : flags, models);
  const level = named.thinkingLevel ?? thinkingLevel;
  const modes = {
    approvals: flags.ask === true ? 'ask' : undefined,
    planMode: flags.plan,
    goal: flags.goal === undefined ? undefined : { description: flags.goal },
  };
  const { branch, base } = flags;
  const worktree =
    flags.worktree === true
      ? { ...(branch === undefined ? {} : { branch }), ...(base === undefined ? {} : { base }) }
      : undefined;
  const wanted = { worktree, prompt, cwd, model, name, thinkingLevel: level, pi, resumedFrom, salvage, ...modes };
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  return unwrapResult(gateway, gateway.api.createSession({ runnerId, ...Object.fromEntries(given) }));
}
