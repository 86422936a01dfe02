import { Option, type Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { ago, errorInfo, isId, type InvitationInfo } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { expiresIn } from '../expiresIn.js';
import { expiry, timeLeft } from '@pizzapi/runner/access';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { Failure, jsonLine, line, type Io } from '../io.js';
import { showQr } from '../qr.js';
import { tableRows, type Column } from '../table.js';
import { unwrapResult } from '../unwrapResult.js';

interface InviteFlags extends Record<string, unknown> {
  expires?: string;
  note?: string;
  list?: true;
  revoke?: string;
  json?: true;
  qr: boolean;
}

/** Adds `pizzapi users invite`. */
export function addInvite(users: Command, { io }: CliContext): void {
  addOptions(users.command('invite'), GATEWAY_OPTIONS)
    .description('Create, list or revoke invitations: a link with which one person creates an account')
    .option('--expires <duration>', 'Lifetime of the invitation: 30m, 12h, 7d; at most 30 days (default: 7 days)')
    .option('--note <text>', 'A note for yourself, such as the name of the person')
    .addOption(new Option('--list', 'List the invitations').conflicts(['revoke', 'expires', 'note']))
    .addOption(new Option('--revoke <id>', 'Revoke an invitation that was not used').conflicts(['expires', 'note']))
    .option('--json', 'Print JSON: { invitation, url }; with --list one line for each invitation')
    .option('--no-qr', 'Do not show a QR code')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi users invite',
        'pizzapi users invite --note Ada --expires 2d',
        'pizzapi users invite --list',
        'pizzapi users invite --revoke <id>',
      )}\n\nAn invitation works also when sign-up is closed.`,
    )
    .action(async (flags: InviteFlags) => {
      const gateway = gatewayOf(flags, io);
      if (flags.list === true) return list(io, gateway, flags.json === true);
      if (flags.revoke !== undefined) return revoke(io, gateway, flags.revoke);
      await invite(io, gateway, flags);
    });
}

async function invite(io: Io, gateway: GatewayAccess, { expires, note, json, qr }: InviteFlags): Promise<void> {
  const wanted = { ...expiresIn('--expires', expires), ...(note === undefined ? {} : { note }) };
  const made = await unwrapResult(gateway, gateway.api.createInvitation(wanted));
  if (json === true) return line(io.stdout, jsonLine(made));
  const { url, invitation } = made;
  line(io.stdout, url);
  line(io.stderr, `One person can create an account with it, until ${expiry(invitation.expiresAt, Date.now())}.`);
  line(io.stderr, `Revoke it with: pizzapi users invite --revoke ${invitation.id}`);
  if (qr) showQr(io, io.stderr, url);
}

const COLUMNS: readonly Column[] = [
  { title: 'INVITATION', widest: 64 },
  { title: 'STATE', widest: 8 },
  { title: 'MADE', widest: 8 },
  { title: 'ENDS', widest: 12 },
  { title: 'ACCOUNT', widest: 64 },
  { title: 'NOTE', widest: 60 },
];

async function list(io: Io, gateway: GatewayAccess, json: boolean): Promise<void> {
  const { invitations } = await unwrapResult(gateway, gateway.api.invitations());
  if (json) return invitations.forEach((one) => line(io.stdout, jsonLine(one)));
  if (invitations.length === 0) return line(io.stdout, 'No invitations. Create one with `pizzapi users invite`.');
  const now = Date.now();
  const ends = ({ state, expiresAt }: InvitationInfo) => (state === 'open' ? timeLeft(expiresAt, now) : '');
  const rows = invitations.map((one) => [
    ...[one.id, one.state, ago(one.createdAt, now), ends(one)],
    ...[one.usedBy ?? '', one.note ?? ''],
  ]);
  for (const row of tableRows(COLUMNS, rows, io, (at) => invitations[at]!.state !== 'open')) line(io.stdout, row);
}

async function revoke(io: Io, gateway: GatewayAccess, id: string): Promise<void> {
  if (!isId(id)) throw new Failure(errorInfo('invalid_id', `"${id.slice(0, 80)}" is not the id of an invitation`));
  await unwrapResult(gateway, gateway.api.revokeInvitation(id));
  line(io.stdout, `Revoked: ${id}. It creates no account any more.`);
}
