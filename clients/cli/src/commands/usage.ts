import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { describeUse, formatBytes, storageWarning, type UsageReply } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { jsonLine, line, type Io } from '../io.js';
import { tableRows, type Column } from '../table.js';

const COLUMNS: readonly Column[] = [
  { title: 'SESSION', widest: 64 },
  { title: 'FILES', widest: 10 },
  { title: 'LOG', widest: 10 },
  { title: 'NAME', widest: 80 },
];

export function addUsage(program: Command, { io }: CliContext): void {
  addOptions(program.command('usage'), GATEWAY_OPTIONS)
    .description('Print what you store at a gateway, your limits, and the largest sessions')
    .option('--json', 'Print one line of JSON: { uses, sessions }, in bytes; a limit of 0 means no limit')
    .addHelpText('after', examples('pizzapi usage', "pizzapi usage --json | jq '.uses[0]'", 'pizzapi delete <session>'))
    .action(async (flags: Record<string, unknown>) => {
      const gateway = gatewayOf(flags, io);
      const usage = await unwrapResult(gateway, gateway.api.usage());
      if (flags['json'] === true) return line(io.stdout, jsonLine(usage));
      for (const text of usageText(usage, io)) line(io.stdout, text);
      const warning = storageWarning(usage.uses);
      if (warning !== undefined)
        line(io.stderr, `${describeUse(warning)}. Delete unused sessions: pizzapi delete <session>`);
    });
}

function usageText({ uses, sessions }: UsageReply, io: Pick<Io, 'colour'>): string[] {
  const lines = uses.map((use) => `${describeUse(use)}${use.limit === 0 ? ', no limit' : ''}.`);
  if (sessions.length === 0) return lines;
  const rows = sessions.map(({ sessionId, files, log, name }) => [
    sessionId,
    formatBytes(files),
    formatBytes(log),
    name,
  ]);
  return [...lines, '', ...tableRows(COLUMNS, rows, io)];
}
