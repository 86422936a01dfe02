import { spawn } from 'node:child_process';
import { InvalidArgumentError, type Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { CodedError, LOG_PAGE, type MethodReply } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { jsonLine, line, toSafeLine } from '../io.js';
import { findRunner } from '../runnerLookup.js';
import { openServiceManager } from '../service/openServiceManager.js';
import { printRunnerLog } from './remoteLogs.js';
import { unwrapResult } from '../unwrapResult.js';

type Flags = Readonly<Record<string, unknown>>;

/**
 * Adds `restart`, `shutdown`, `ping`, `stop` and `logs` to the command `runner`, which passes all other arguments to the
 * program of the runner.
 */
export function addRunnerControl(runner: Command, context: CliContext): void {
  const { io } = context;

  const remote = (name: string, argument: string, description: string, ...lines: string[]) =>
    addOptions(runner.command(`${name} ${argument}`), GATEWAY_OPTIONS)
      .description(description)
      .helpOption('-h, --help', 'Print this')
      .addHelpText('after', examples(...lines));

  remote(
    'restart',
    '<runner>',
    'Start the daemon of a runner anew; its sessions continue, commands of `pizzapi exec` end',
    'pizzapi runner restart laptop',
  ).action(async (named: string, flags: Flags) => {
    const { gateway, rid } = await find(named, flags, context);
    await unwrapResult(gateway, gateway.api.runnerCall(rid, 'restart', {}));
    line(io.stdout, `Restarted: ${rid}`);
  });

  remote(
    'shutdown',
    '<runner>',
    'Suspend the sessions of a runner and end it; a service manager starts it again',
    'pizzapi runner shutdown laptop',
  ).action(async (named: string, flags: Flags) => stopRemotely(named, flags, context));

  remote(
    'ping',
    '<runner>',
    'Print the round trip of each hop to a runner',
    'pizzapi runner ping laptop',
    'pizzapi runner ping laptop --json | jq .gateway.runnerMs',
  )
    .option('--json', 'Print one line of JSON: { totalMs, at, natsMs, gateway: { natsMs, runnerMs } }')
    .action(async (named: string, flags: Flags) => {
      const { gateway, rid } = await find(named, flags, context);
      const began = performance.now();
      const reply = await unwrapResult(gateway, gateway.api.runnerCall(rid, 'ping', {}));
      const totalMs = performance.now() - began;
      if (flags['json'] === true) return line(io.stdout, jsonLine({ totalMs, ...reply }));
      for (const row of hopLines(totalMs, reply)) line(io.stdout, row);
    });

  addOptions(runner.command('stop [runner]'), GATEWAY_OPTIONS)
    .description('Stop the service of the runner on this machine, or shut down a runner by its name')
    .helpOption('-h, --help', 'Print this')
    .addHelpText(
      'after',
      `${examples('pizzapi runner stop', 'pizzapi runner stop laptop')}

The service starts again with the machine, or with \`pizzapi runner install\`; \`pizzapi runner uninstall\` removes it.`,
    )
    .action(async (named: string | undefined, flags: Flags) => {
      if (named !== undefined) return stopRemotely(named, flags, context);
      const stopped = await (await openServiceManager(io.env)).stop();
      line(io.stdout, stopped ? 'The runner is stopped.' : 'The runner did not run as a service.');
    });

  addOptions(runner.command('logs [runner]'), GATEWAY_OPTIONS)
    .description('Print the log of the runner that is installed on this machine, or the end of that of a named runner')
    .helpOption('-h, --help', 'Print this')
    .option('-f, --follow', 'Continue with what comes')
    .option('-n, --lines <count>', 'How many of the last lines of a named runner are printed', lineCount, DEFAULT_LINES)
    .addHelpText(
      'after',
      `${examples('pizzapi runner logs', 'pizzapi runner logs -f', 'pizzapi runner logs -f laptop')}

A named runner keeps the last lines since it was started, without secrets. Its token needs the right exec.`,
    )
    .action(async (named: string | undefined, flags: Flags) => {
      if (named !== undefined) {
        const { gateway, rid } = await find(named, flags, context);
        const choice = { lines: Number(flags['lines']), follow: flags['follow'] === true };
        return printRunnerLog(io, gateway.api, rid, choice);
      }
      const [program, ...args] = (await openServiceManager(io.env)).logProgram(flags['follow'] === true);
      context.exitCode = await shown(program, args, context);
    });
}

const DEFAULT_LINES = 100;
function lineCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > LOG_PAGE) throw new InvalidArgumentError(`Give a number up to ${LOG_PAGE}.`);
  return count;
}

async function find(
  named: string,
  flags: Flags,
  { io }: CliContext,
): Promise<{ gateway: GatewayAccess; rid: string; name: string }> {
  const gateway = gatewayOf(flags, io);
  const { runners } = await unwrapResult(gateway, gateway.api.runners());
  const { runnerId, name } = findRunner(runners, named);
  return { gateway, rid: runnerId, name };
}

async function stopRemotely(named: string, flags: Flags, context: CliContext): Promise<void> {
  const { gateway, rid } = await find(named, flags, context);
  await unwrapResult(gateway, gateway.api.runnerCall(rid, 'shutdown', {}));
  line(context.io.stdout, `Shut down: ${toSafeLine(rid)}`);
}

function hopLines(totalMs: number, { gateway, natsMs }: MethodReply<'ping'>): string[] {
  const row = (name: string, ms: number | undefined) =>
    ms === undefined ? [] : [`${name.padEnd(32)}${ms.toFixed(1).padStart(9)} ms`];
  const own = gateway === undefined ? undefined : Math.max(0, totalMs - gateway.runnerMs - (gateway.natsMs ?? 0));
  return [
    ...row('this machine to the gateway', own),
    ...row('the gateway to nats-server', gateway?.natsMs),
    ...row('the runner to nats-server', natsMs),
    ...row('the gateway to the runner', gateway?.runnerMs),
    ...row('all', totalMs),
  ];
}

/** Shows the output of a program until it ends. */
function shown(program: string, args: readonly string[], { io }: CliContext): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: io.env, stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (bytes: Buffer) => io.stdout.write(bytes));
    const stop = () => void child.kill('SIGTERM');
    io.signals.on('SIGINT', stop);
    child.once('error', (cause) =>
      reject(new CodedError('service_failed', `${program} did not start: ${cause.message}`, { cause })),
    );
    child.once('close', (code) => {
      io.signals.off('SIGINT', stop);
      resolve(code ?? 0);
    });
  });
}
