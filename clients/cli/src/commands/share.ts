import { Option, type Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { ago, errorInfo, isId, NO_EXPIRY, type ShareInfo, type ShareMode } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { examples, type CliContext } from '../context.js';
import { expiresIn } from '../expiresIn.js';
import { GATEWAY_OPTIONS, type GatewayAccess } from '../home.js';
import { Failure, jsonLine, line, paint, toSafeLine, type Io } from '../io.js';
import { showQr } from '../qr.js';
import { gatewayOfRef, resolveSessionRef, SESSION_HELP } from '../sessionRef.js';
import { tableRows, type Column } from '../table.js';
import { expiry, timeLeft } from '@pizzapi/runner/access';

interface ShareFlags extends Record<string, unknown> {
  collab?: true;
  approve?: true;
  files?: true;
  expires?: string;
  with?: string;
  list?: true;
  revoke?: string;
  revokeAll?: true;
  json?: true;
  qr: boolean;
}

const ONLY = ['list', 'revoke', 'revokeAll'];
const others = (name: string) => [...ONLY.filter((other) => other !== name), 'collab', 'approve', 'files', 'expires'];

export function addShare(program: Command, { io }: CliContext): void {
  addOptions(program.command('share <session>'), GATEWAY_OPTIONS)
    .description('Create, list or revoke share links of a session')
    .addOption(
      new Option('--collab', 'Allow guests to write and to answer prompts (default: read-only)').conflicts('approve'),
    )
    .option('--approve', 'Allow guests to write and to approve single tool calls and plans, but no lasting rules')
    .option('--files', "Allow guests to read the files of the session's folder as well, read-only")
    .option('--expires <duration>', 'Lifetime of the link: 30m, 2h, 7d; at most 30 days (default: one day)')
    .addOption(
      new Option(
        '--with <person>',
        'Share with an account instead, by its exact e-mail address or id; it then has the session in its list',
      ).conflicts(['expires', 'files', ...ONLY]),
    )
    .addOption(new Option('--list', 'List the share links of this session').conflicts(others('list')))
    .addOption(new Option('--revoke <shareId>', 'Revoke one link').conflicts(others('revoke')))
    .addOption(new Option('--revoke-all', 'Revoke all links of this session').conflicts(others('revokeAll')))
    .option('--json', 'Print JSON: { shareUrl, token, expiresAt, shareId, mode }; with --list one line for each link')
    .option('--no-qr', 'Do not show a QR code')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi share last',
        'pizzapi share <session> --collab --expires 2h',
        'pizzapi share <session> --approve',
        'pizzapi share <session> --files',
        'pizzapi share <session> --with ada@example.com --collab',
        'pizzapi share <session> --list',
        'pizzapi share <session> --revoke <shareId>',
      )}

${SESSION_HELP}
Who has the link sees this session and nothing else of yours. Taking it back disconnects them, and
ends what the agent does for them and the sessions that they had started.`,
    )
    .action(async (session: string, flags: ShareFlags) => {
      const wanted = {
        mode: modeOf(flags),
        ...(flags.files === true ? { files: true } : {}),
        ...expiresIn('--expires', flags.expires),
      };
      if (flags.revoke !== undefined) requireLinkId(flags.revoke);
      const ref = await resolveSessionRef(session, flags, io);
      const { sid } = ref;
      const gateway = gatewayOfRef(ref);
      if (flags.list === true) return list(io, gateway, sid, flags.json === true);
      if (flags.revoke !== undefined) return revoke(io, gateway, sid, flags.revoke);
      if (flags.revokeAll === true) return revokeAll(io, gateway, sid);
      if (flags.with !== undefined)
        return shareWith(io, gateway, sid, { person: flags.with, mode: wanted.mode }, flags);
      await share(io, gateway, sid, wanted, flags);
    });
}

function requireLinkId(shareId: string): void {
  if (!isId(shareId)) throw new Failure(errorInfo('invalid_id', `"${shareId.slice(0, 80)}" is not the id of a link`));
}

const modeOf = ({ approve, collab }: ShareFlags): ShareMode =>
  approve === true ? 'approve' : collab === true ? 'collab' : 'read';

const MAY: Readonly<Record<ShareMode, string>> = {
  read: 'is read-only',
  collab: 'allows reading and writing',
  approve: 'allows reading, writing and approving',
};

async function share(
  io: Io,
  gateway: GatewayAccess,
  sid: string,
  wanted: { mode: ShareMode; files?: boolean; expiresIn?: string },
  { json, qr }: Pick<ShareFlags, 'json' | 'qr'>,
): Promise<void> {
  const made = await unwrapResult(gateway, gateway.api.createShare(sid, wanted));
  if (json === true) return line(io.stdout, jsonLine(made));
  const { shareUrl, mode, expiresAt, shareId, shortUrl = shareUrl } = made;
  line(io.stdout, shortUrl);
  line(io.stderr, `This link ${MAY[mode]} and expires at ${expiry(expiresAt, Date.now())}.`);
  if (wanted.files === true) line(io.stderr, "Guests can also read the files of the session's folder.");
  if (mode !== 'read')
    line(
      io.stderr,
      paint(io, 'yellow', 'Guests with write access can make the agent do anything that it can do on its machine.'),
    );
  line(io.stderr, `Revoke it with: pizzapi share ${sid} --revoke ${shareId}`);
  if (qr) showQr(io, io.stderr, shortUrl);
}

async function shareWith(
  io: Io,
  gateway: GatewayAccess,
  sid: string,
  wanted: { person: string; mode: ShareMode },
  { json }: Pick<ShareFlags, 'json'>,
): Promise<void> {
  const made = await unwrapResult(gateway, gateway.api.shareWith(sid, wanted));
  if (json === true) return line(io.stdout, jsonLine(made));
  const name = toSafeLine(made.person?.name ?? wanted.person, 80);
  line(io.stdout, `${name} has the session under “Shared with me”. The share ${MAY[made.mode]}, until you revoke it.`);
  line(io.stderr, `Revoke it with: pizzapi share ${sid} --revoke ${made.shareId}`);
}

const COLUMNS: readonly Column[] = [
  { title: 'LINK', widest: 64 },
  { title: 'MODE', widest: 14 },
  { title: 'MADE', widest: 8 },
  { title: 'ENDS', widest: 12 },
  { title: 'WITH', widest: 60 },
];

const modeText = ({ mode, files }: ShareInfo) => (files === true ? `${mode}, files` : mode);

async function list(io: Io, gateway: GatewayAccess, sid: string, json: boolean): Promise<void> {
  const { shares } = await unwrapResult(gateway, gateway.api.shares(sid));
  if (json) return shares.forEach((one) => line(io.stdout, jsonLine(one)));
  if (shares.length === 0) return line(io.stdout, `No links. Create one with \`pizzapi share ${sid}\`.`);
  const now = Date.now();
  const ends = (one: ShareInfo) => {
    if (one.revokedAt !== undefined) return 'revoked';
    return one.expiresAt >= NO_EXPIRY ? 'never' : timeLeft(one.expiresAt, now);
  };
  const withWhom = ({ person }: ShareInfo) => (person === undefined ? 'by link' : `${person.name} (${person.givenAs})`);
  const rows = shares.map((one) => [one.shareId, modeText(one), ago(one.createdAt, now), ends(one), withWhom(one)]);
  const over = (at: number) => shares[at]!.revokedAt !== undefined || shares[at]!.expiresAt <= now;
  for (const row of tableRows(COLUMNS, rows, io, over)) line(io.stdout, row);
}

async function revoke(io: Io, gateway: GatewayAccess, sid: string, shareId: string): Promise<void> {
  await unwrapResult(gateway, gateway.api.revokeShare(sid, shareId));
  line(io.stdout, `Revoked: ${shareId}. Its guests are disconnected, and the work they started is stopped.`);
}

async function revokeAll(io: Io, gateway: GatewayAccess, sid: string): Promise<void> {
  await unwrapResult(gateway, gateway.api.revokeShares(sid));
  line(
    io.stdout,
    `All links of ${sid} are revoked. Their guests are disconnected, and the work they started is stopped.`,
  );
}
