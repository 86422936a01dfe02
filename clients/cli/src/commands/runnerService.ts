import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { addOptions, OPTIONS, readOptions } from '@pizzapi/process';
import { CodedError, errorInfo } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { EXIT, Failure, jsonLine, line, toSafeLine } from '../io.js';
import { readRunnerToken } from '../runnerToken.js';
import { GATEWAY_OPTIONS } from '../home.js';
import { openServiceManager } from '../service/openServiceManager.js';
import type { ServiceStatus } from '../service/serviceManager.js';
import { remoteStatus } from './remoteStatus.js';
import { keptEnvironment } from '../service/serviceSpec.js';

/** Variables with keys of models. */
const MODEL_KEY = /^(?!PIZZAPI_)[A-Z0-9_]+_(API_KEY|OAUTH_TOKEN)$/;

/** Adds `install`, `uninstall` and `status` to the command `runner`, which passes all other arguments to the program. */
export function addRunnerService(runner: Command, context: CliContext): void {
  const { io } = context;
  addOptions(runner.command('install'), { home: OPTIONS.home })
    .description('Start the runner at every start of this machine, and again whenever it ends')
    .helpOption('-h, --help', 'Print this')
    .addHelpText(
      'after',
      `${examples('pizzapi runner install', 'PIZZAPI_ROOTS=~/projects pizzapi runner install')}

It writes a unit for the systemd of your account, which also runs while you are signed out, or an agent for launchd, which
starts when you sign in. The unit keeps PATH, HOME, proxies and the variables of \`pizzapi runner --help\` as they are now,
and no secret. Run it again after a change, or to restart the runner; its sessions continue.`,
    )
    .action(async (flags: Record<string, unknown>) => {
      const { home } = readOptions({ home: OPTIONS.home }, flags, io.env);
      if (readRunnerToken(home) === undefined)
        throw new Failure(errorInfo('runner_token_missing', 'This machine is not paired with a relay'));
      const manager = await openServiceManager(io.env);
      const { env, secret } = keptEnvironment({ HOME: homedir(), ...io.env, PIZZAPI_HOME: home });
      const warnings = await manager.install({ command: commandOfRunner(), env, folder: homedir() });
      const { running, file, logCommand } = await manager.status();
      line(io.stdout, `${running ? 'The runner runs' : 'The runner starts'}, also after a restart of this machine.`);
      line(io.stderr, `Unit: ${toSafeLine(file)}. Log: ${toSafeLine(logCommand)}`);
      for (const name of Object.keys(io.env).filter((one) => MODEL_KEY.test(one)))
        warnings.push(`${name} is a secret and is not in the unit: sign in with \`pi\` and /login instead`);
      for (const name of secret)
        warnings.push(`${name} holds a password and is not in the unit: the runner starts without it`);
      for (const warning of warnings) line(io.stderr, `warning: ${toSafeLine(warning)}`);
    });

  runner
    .command('uninstall')
    .description('Stop the runner and start it no more; its sessions stay readable, and the token stays')
    .helpOption('-h, --help', 'Print this')
    .addHelpText('after', examples('pizzapi runner uninstall'))
    .action(async () => {
      const removed = await (await openServiceManager(io.env)).uninstall();
      line(io.stdout, removed ? 'The runner is stopped and its unit removed.' : 'The runner was not installed.');
    });

  addOptions(runner.command('status [runner]'), GATEWAY_OPTIONS)
    .description(
      'Print whether the runner of this machine is installed and runs, and the end of its log; or what a named runner is and does now',
    )
    .helpOption('-h, --help', 'Print this')
    .option('--json', 'Print one line of JSON: { installed, running, enabled, pid, since, restarts, log, … }')
    .addHelpText(
      'after',
      `${examples('pizzapi runner status', 'pizzapi runner status --json | jq .running', 'pizzapi runner status laptop')}

The exit code is 1 when the runner does not run. <runner> is a name, an id or the beginning of one.`,
    )
    .action(async (named: string | undefined, flags: Record<string, unknown>) => {
      if (named !== undefined) return remoteStatus(named, flags, context);
      const status = await (await openServiceManager(io.env)).status();
      if (flags['json'] === true) line(io.stdout, jsonLine(status));
      else for (const text of statusLines(status)) line(io.stdout, text);
      context.exitCode = status.running ? EXIT.ok : EXIT.failed;
    });
}

/** Starts the runner by the same files as this command. A link is kept, because an update moves what it points to. */
function commandOfRunner(): [string, ...string[]] {
  const script = resolve(process.argv[1] ?? '');
  if (!existsSync(script)) throw new CodedError('service_failed', `${script} is no file that a service could start`);
  return [stableNode(), script, 'runner'];
}

/** The Node of this process, by the address that an update of Node keeps where it has one. */
function stableNode(): string {
  const { execPath } = process;
  const stable = ['/usr/local/bin/node', '/opt/homebrew/bin/node', '/usr/bin/node'];
  return stable.find((path) => existsSync(path) && realpathSync(path) === realpathSync(execPath)) ?? execPath;
}

export function statusLines({
  installed,
  running,
  enabled,
  pid,
  since,
  restarts,
  log,
  ...of
}: ServiceStatus): string[] {
  const state = running ? 'running' : installed ? 'installed, but not running' : 'not installed';
  const again = { systemd: 'with the machine', launchd: 'when you sign in' }[of.manager];
  return [
    `state     ${state}`,
    ...(since === null ? [] : [`since     ${new Date(since).toISOString()}${pid === null ? '' : `, process ${pid}`}`]),
    ...(installed ? [`starts    ${enabled ? again : 'only by hand'}`] : ['install   pizzapi runner install']),
    ...(restarts === null || restarts === 0 ? [] : [`restarts  ${restarts}`]),
    ...(installed ? [`unit      ${toSafeLine(of.file)}`, `log       ${toSafeLine(of.logCommand)}`] : []),
    ...log.map((text) => `  ${toSafeLine(text, 300)}`),
  ];
}
