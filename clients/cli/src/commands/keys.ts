import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { ago, errorInfo, isId, RUNNER_RIGHTS, type KeyInfo } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { examples, type CliContext } from '../context.js';
import { expiresIn } from '../expiresIn.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { rightsOption } from '../rightsOption.js';
import { EXIT, Failure, jsonLine, line, toSafeLine, type Io } from '../io.js';
import { tableRows, type Column } from '../table.js';
import { expiry, timeLeft } from '@pizzapi/runner/access';

interface KeyFlags extends Record<string, unknown> {
  json?: true;
  runner?: true;
  expires?: string;
  allow?: string;
}

export function addKeys(program: Command, { io }: CliContext): void {
  const keys = program
    .command('keys')
    .description('List, create and revoke your API keys and runner tokens')
    .helpCommand(false)
    .addHelpText('after', examples('pizzapi keys', 'pizzapi keys create ci --expires 30d', 'pizzapi keys revoke <id>'));

  addOptions(keys.command('list', { isDefault: true }), GATEWAY_OPTIONS)
    .description('List your keys; their secrets are never shown again')
    .option('--json', 'Print one line of JSON for each key')
    .addHelpText('after', examples('pizzapi keys', 'pizzapi keys list --json | jq -r .id'))
    .action(async (flags: KeyFlags) => {
      const gateway = gatewayOf(flags, io);
      const { keys: all } = await unwrapResult(gateway, gateway.api.keys());
      if (flags.json === true) return all.forEach((key) => line(io.stdout, jsonLine(key)));
      if (all.length === 0) return line(io.stdout, 'No keys. Create one with `pizzapi keys create <name>`.');
      for (const row of keyRows(all, Date.now(), io)) line(io.stdout, row);
    });

  addOptions(keys.command('create <name>'), GATEWAY_OPTIONS)
    .description('Create a key and print it once')
    .option('--runner', 'Create a runner token: it can register a runner and nothing else')
    .option('--allow <rights>', `What people may do on the host of a runner: ${RUNNER_RIGHTS.join(',')} (default: all)`)
    .option('--expires <duration>', 'Lifetime: 12h, 30d (default: until it is revoked)')
    .option('--json', 'Print one line of JSON: { key, token }')
    .addHelpText(
      'after',
      examples('pizzapi keys create ci --expires 30d', 'PIZZAPI_RUNNER_TOKEN=$(pizzapi keys create box --runner)'),
    )
    .action(async (name: string, flags: KeyFlags) => {
      const kind = flags.runner === true ? 'runner' : 'user';
      const allow = rightsOption(flags.allow);
      if (allow !== undefined && kind !== 'runner')
        throw new Failure(errorInfo('bad_option', 'Only a runner token (--runner) has --allow'), EXIT.usage);
      const rights = allow === undefined ? {} : { allow };
      const body = { name, kind, ...rights, ...expiresIn('--expires', flags.expires) } as const;
      const gateway = gatewayOf(flags, io);
      const made = await unwrapResult(gateway, gateway.api.createKey(body));
      if (flags.json === true) return line(io.stdout, jsonLine(made));
      line(io.stdout, made.token);
      const until =
        made.key.expiresAt === undefined ? 'until it is revoked' : `until ${expiry(made.key.expiresAt, Date.now())}`;
      line(io.stderr, `It is shown only once. It is valid ${until}.`);
      line(
        io.stderr,
        `Set it as ${kind === 'runner' ? 'PIZZAPI_RUNNER_TOKEN' : 'PIZZAPI_API_KEY'}; revoke it with: pizzapi keys revoke ${toSafeLine(made.key.id, 64)}`,
      );
    });

  addOptions(keys.command('revoke <id>'), GATEWAY_OPTIONS)
    .description('Revoke a key and disconnect its users')
    .addHelpText('after', examples('pizzapi keys revoke <id>'))
    .action(async (id: string, flags: KeyFlags) => {
      if (!isId(id)) throw new Failure(errorInfo('invalid_id', `"${toSafeLine(id, 12)}" is not the id of a key`));
      const gateway = gatewayOf(flags, io);
      await unwrapResult(gateway, gateway.api.revokeKey(id));
      line(io.stdout, `Revoked: ${id}. Its users are disconnected.`);
    });
}

const COLUMNS: readonly Column[] = [
  { title: 'KEY', widest: 64 },
  { title: 'FOR', widest: 6 },
  { title: 'BEGINS', widest: 12 },
  { title: 'MADE', widest: 6 },
  { title: 'USED', widest: 40 },
  { title: 'ENDS', widest: 8 },
  { title: 'NAME', widest: 80 },
];

function keyRows(keys: readonly KeyInfo[], now: number, io: Pick<Io, 'colour'>): string[] {
  const used = ({ lastUsedAt, lastUsedFrom }: KeyInfo) =>
    lastUsedAt === undefined
      ? 'never'
      : `${ago(lastUsedAt, now)}${lastUsedFrom === undefined ? '' : ` ${lastUsedFrom}`}`;
  const rows = keys.map((key) => [
    key.id,
    key.kind,
    key.hint,
    ago(key.createdAt, now),
    used(key),
    key.expiresAt === undefined ? '' : timeLeft(key.expiresAt, now),
    key.allow === undefined ? key.name : `${key.name} (allows ${key.allow.join(', ') || 'nothing'})`,
  ]);
  const isPast = (at: number) => (keys[at]!.expiresAt ?? Infinity) <= now;
  return tableRows(COLUMNS, rows, io, isPast);
}
