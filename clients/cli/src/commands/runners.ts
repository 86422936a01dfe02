import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { runnerLabels, type RunnerInfo } from '@pizzapi/protocol';
import { confirm, requireConfirmation } from '../confirm.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { jsonLine, line, toSafeLine, type Io } from '../io.js';
import { findRunner } from '../runnerLookup.js';
import { tableRows, type Column } from '../table.js';
import { unwrapResult } from '../unwrapResult.js';

/** Adds `list` and `forget` to the command `runner`, which passes all other arguments to the program of the runner. */
export function addRunners(runner: Command, { io }: CliContext): void {
  addOptions(runner.command('list'), GATEWAY_OPTIONS)
    .description('List your runners, also those that are offline')
    .helpOption('-h, --help', 'Print this')
    .option('--json', 'Print one line of JSON for each runner')
    .addHelpText('after', examples('pizzapi runner list', 'pizzapi runner list --json | jq -r .runnerId'))
    .action(async (flags: Readonly<Record<string, unknown>>) => {
      const gateway = gatewayOf(flags, io);
      const { runners } = await unwrapResult(gateway, gateway.api.runners());
      if (flags['json'] === true) return runners.forEach((one) => line(io.stdout, jsonLine(one)));
      if (runners.length === 0) return line(io.stdout, 'No runners. Start one with `pizzapi runner`.');
      for (const row of runnerRows(runners, io)) line(io.stdout, row);
    });

  addOptions(runner.command('forget <runner>'), GATEWAY_OPTIONS)
    .description('Forget a runner that is gone, and revoke its token; its sessions stay readable')
    .helpOption('-h, --help', 'Print this')
    .option('--yes', 'Do not ask')
    .option('--json', 'Print one line of JSON: { runnerId, tokenRevoked }')
    .addHelpText(
      'after',
      `${examples('pizzapi runner forget old-laptop', 'pizzapi runner forget <runner> --yes')}

<runner> is a name, an id or the beginning of one. The machine is a runner again after it is paired anew.`,
    )
    .action(async (named: string, flags: Readonly<Record<string, unknown>>) => {
      const asks = flags['yes'] !== true;
      if (asks) requireConfirmation(io, `This forgets ${toSafeLine(named, 80)} and revokes its token`);
      const gateway = gatewayOf(flags, io);
      const { runners } = await unwrapResult(gateway, gateway.api.runners());
      const { runnerId, name } = findRunner(runners, named);
      const title = toSafeLine(name === '' || name === runnerId ? runnerId : `${name} (${runnerId})`);
      if (asks) await confirm(io, `Forget the runner ${title} and revoke its token?`);
      const reply = await unwrapResult(gateway, gateway.api.forgetRunner(runnerId));
      if (flags['json'] === true) return line(io.stdout, jsonLine(reply));
      line(io.stdout, `Forgotten: ${runnerId}`);
      if (!reply.tokenRevoked)
        line(io.stderr, 'Its token is not revoked, because another runner uses it: `pizzapi keys`.');
    });
}

const COLUMNS: readonly Column[] = [
  { title: 'RUNNER', widest: 64 },
  { title: 'STATE', widest: 8 },
  { title: 'KIND', widest: 8 },
  { title: 'PLATFORM', widest: 10 },
  { title: 'PI', widest: 12 },
  { title: 'NAME', widest: 80 },
];

function runnerRows(runners: readonly RunnerInfo[], io: Pick<Io, 'colour'>): string[] {
  const labels = runnerLabels(runners);
  const rows = runners.map(({ runnerId, online, kind, platform, piVersion }) => [
    runnerId,
    online === true ? 'online' : 'offline',
    kind === 'tui' ? 'terminal' : 'runner',
    platform,
    piVersion,
    labels.get(runnerId) ?? runnerId,
  ]);
  return tableRows(COLUMNS, rows, io, (at) => runners[at]!.online !== true);
}
