import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, type PurgeBody, type PurgeReply } from '@pizzapi/protocol';
import { confirm, requireConfirmation } from '../confirm.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { EXIT, Failure, interruptible, jsonLine, line, toSafeLine, type Io } from '../io.js';
import { gatewayOfRef, resolveSessionRef, SESSION_HELP } from '../sessionRef.js';
import { unwrapResult } from '../unwrapResult.js';
import { userIdOf } from './users.js';

/** Between two requests of how far an erasure is, in ms. */
const AGAIN_MS = 1_000;

type Flags = Readonly<Record<string, unknown>>;

/** What is erased, and how it is called in a question. */
interface Target {
  gateway: GatewayAccess;
  body: PurgeBody;
  title: string;
}

export function addPurge(program: Command, { io }: CliContext): void {
  addOptions(program.command('purge [session]'), GATEWAY_OPTIONS)
    .description('Erase a session or an account: nothing of it is left, and nothing brings it back')
    .option('--user <user>', 'Erase an account with all its sessions (admins only): its id or e-mail address')
    .option('--yes', 'Do not ask: this cannot be undone')
    .option('--json', 'Print one line of JSON: { removed: { events, files, bytes, … } }')
    .addHelpText(
      'after',
      `${examples('pizzapi purge <session>', 'pizzapi purge --user ada@example.com', 'pizzapi purge <session> --yes')}

${SESSION_HELP}

\`pizzapi delete\` deletes a session too. This also refuses every host that has the session, for good,
removes what waits for it, and leaves a proof in the audit log: counts, no content. Backups made before
have the session; a restore leaves it out (docs/operate/erasure.md).`,
    )
    .action(async (session: string | undefined, flags: Flags) => {
      if ((session === undefined) === (flags['user'] === undefined))
        throw new Failure(errorInfo('bad_option', 'Name a session, or an account with --user'), EXIT.usage);
      const asks = flags['yes'] !== true;
      if (asks) requireConfirmation(io, 'This erases it permanently');
      const { gateway, body, title } = await targetOf(session, flags, io);
      if (asks) await confirm(io, `Erase ${title} permanently?`);
      const removed = await interruptible(io, (signal) => purge(gateway, body, io, signal));
      if (flags['json'] === true) return line(io.stdout, jsonLine({ removed }));
      line(io.stdout, `Erased: ${title}`);
      for (const [what, count] of Object.entries(removed)) line(io.stdout, `${count} ${what}`);
    });
}

async function targetOf(session: string | undefined, flags: Flags, io: Io): Promise<Target> {
  if (session !== undefined) {
    const ref = await resolveSessionRef(session, flags, io);
    return { gateway: gatewayOfRef(ref), body: { sessionId: ref.sid }, title: `the session ${ref.sid}` };
  }
  const gateway = gatewayOf(flags, io);
  const userId = await userIdOf(gateway, String(flags['user']));
  return { gateway, body: { userId }, title: `the account ${toSafeLine(userId)} with all its sessions` };
}

/** Erases, and waits until nothing is left. An interruption ends the wait alone: the authenticator erases the rest. */
async function purge(
  gateway: GatewayAccess,
  body: PurgeBody,
  io: Io,
  signal: AbortSignal,
): Promise<PurgeReply['removed']> {
  for (;;) {
    const { removed, isOver } = await unwrapResult(gateway, gateway.api.purge(body));
    if (isOver) return removed;
    line(io.stderr, 'Erasing; this continues when you stop the command');
    await io.sleep(AGAIN_MS, signal);
    if (signal.aborted) throw new Failure(errorInfo('start_stopped', 'The installation continues'), EXIT.interrupted);
  }
}
