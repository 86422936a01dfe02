import type { Command } from 'commander';
import { addOptions, defineOptions, OPTIONS, readOptions } from '@pizzapi/process';
import { ago, errorInfo, isId, type RetentionOverride, type UserInfo } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { EXIT, Failure, jsonLine, line, type Io } from '../io.js';
import { addInvite } from './invitations.js';
import { tableRows, type Column } from '../table.js';

export function addUsers(program: Command, context: CliContext): void {
  const { io } = context;
  const users = program
    .command('users')
    .description('List, invite, disable and enable the accounts of a gateway (admins only)')
    .helpCommand(false)
    .addHelpText('after', examples('pizzapi users', 'pizzapi users invite', 'pizzapi users disable ada@example.com'));

  addOptions(users.command('list', { isDefault: true }), GATEWAY_OPTIONS)
    .description('List the accounts')
    .option('--json', 'Print one line of JSON for each account')
    .addHelpText('after', examples('pizzapi users', 'pizzapi users list --json | jq -r .email'))
    .action(async (flags: Record<string, unknown>) => {
      const all = await people(gatewayOf(flags, io));
      if (flags['json'] === true) return all.forEach((user) => line(io.stdout, jsonLine(user)));
      for (const row of userRows(all, Date.now(), io)) line(io.stdout, row);
    });

  addInvite(users, context);

  addOptions(users.command('retention <user>'), { ...GATEWAY_OPTIONS, ...RETENTION_FLAGS })
    .description('Set how long and how much of the ended sessions of an account is kept')
    .option('--default', 'Keep what the installation keeps')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi users retention ada@example.com --days 90 --size "5 GiB"',
        'pizzapi users retention <userId> --days 0 --size 0',
        'pizzapi users retention <userId> --default',
      )}

0 keeps everything. Sessions that run are never removed.`,
    )
    .action(async (user: string, flags: Record<string, unknown>) => {
      const gateway = gatewayOf(flags, io);
      const userId = await userIdOf(gateway, user);
      const chosen = chosenRetention(flags);
      await unwrapResult(gateway, gateway.api.setRetention(userId, chosen));
      line(io.stdout, `${userId} ${chosen === null ? 'has the rules of the installation.' : 'has rules of its own.'}`);
    });

  for (const { verb, disabled, what, done } of CHANGES) {
    addOptions(users.command(`${verb} <user>`), GATEWAY_OPTIONS)
      .description(what)
      .addHelpText('after', examples(`pizzapi users ${verb} <userId>`, `pizzapi users ${verb} ada@example.com`))
      .action(async (user: string, flags: Record<string, unknown>) => {
        const gateway = gatewayOf(flags, io);
        const userId = await userIdOf(gateway, user);
        await unwrapResult(gateway, gateway.api.setUserDisabled(userId, disabled));
        line(io.stdout, `${userId} ${done}`);
      });
  }
}

const CHANGES = [
  {
    verb: 'disable',
    disabled: true,
    what: 'Disable an account: end its logins and connections, and refuse new ones',
    done: 'is disabled, and disconnected.',
  },
  { verb: 'enable', disabled: false, what: 'Enable a disabled account', done: 'may sign in again.' },
] as const;

/** The account that a person names by its address or id. */
export async function userIdOf(gateway: GatewayAccess, user: string): Promise<string> {
  const userId = user.includes('@') ? await userAt(gateway, user) : user;
  if (!isId(userId)) throw new Failure(errorInfo('invalid_id', `"${userId.slice(0, 80)}" is not the id of an account`));
  return userId;
}

const RETENTION_FLAGS = defineOptions({
  days: { ...OPTIONS.retentionDays, flag: '--days <number>', help: 'Days after its end that a session is kept' },
  size: { ...OPTIONS.retentionSize, flag: '--size <size>', help: 'Bytes of logs and files that are kept' },
});

/** What the flags say, or null for the rules of the installation. A flag that is missing leaves those for its limit. */
function chosenRetention(flags: Record<string, unknown>): RetentionOverride | null {
  if (flags['default'] === true) return null;
  const { days, size } = readOptions(RETENTION_FLAGS, flags, {});
  const given = {
    ...(flags['days'] === undefined ? {} : { days: days === 0 ? null : days }),
    ...(flags['size'] === undefined ? {} : { bytes: size === 0 ? null : size }),
  };
  if (Object.keys(given).length > 0) return given;
  throw new Failure(errorInfo('bad_option', 'Name --days, --size or --default'), EXIT.usage);
}

async function people(gateway: GatewayAccess): Promise<UserInfo[]> {
  return (await unwrapResult(gateway, gateway.api.users())).users;
}

async function userAt(gateway: GatewayAccess, email: string): Promise<string> {
  const wanted = email.toLowerCase();
  const found = (await people(gateway)).find((user) => user.email?.toLowerCase() === wanted);
  if (found === undefined)
    throw new Failure(errorInfo('user_not_found', `No account has the address ${email.slice(0, 80)}`));
  return found.userId;
}

const COLUMNS: readonly Column[] = [
  { title: 'USER', widest: 64 },
  { title: 'ROLE', widest: 8 },
  { title: 'STATE', widest: 8 },
  { title: 'SEEN', widest: 6 },
  { title: 'E-MAIL', widest: 60 },
  { title: 'NAME', widest: 60 },
];

function userRows(users: readonly UserInfo[], now: number, io: Pick<Io, 'colour'>): string[] {
  const rows = users.map((user) => [
    user.userId,
    user.role,
    user.disabled ? 'disabled' : 'active',
    user.lastSeenAt === undefined ? 'never' : ago(user.lastSeenAt, now),
    user.email ?? user.identity?.address ?? '',
    user.name,
  ]);
  return tableRows(COLUMNS, rows, io, (at) => users[at]!.disabled);
}
