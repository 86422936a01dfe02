import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { titleOf } from '@pizzapi/protocol';
import { confirm, requireConfirmation } from '../confirm.js';
import { GATEWAY_OPTIONS } from '../home.js';
import { line, toSafeLine, type Io } from '../io.js';
import { runSessionCommand } from '../sessionCommand.js';
import { gatewayOfRef, resolveSessionRef, SESSION_HELP, type SessionRef } from '../sessionRef.js';
import { unwrapResult } from '../unwrapResult.js';
import { printSession, SESSION_JSON } from '../printSession.js';
import { examples, type CliContext } from '../context.js';

type Flags = Readonly<Record<string, unknown>>;

/** `stop`, `kill`, `delete`, `rename`: commands that act on one session and wait for its result. */
export function addManage(program: Command, { io }: CliContext): void {
  addOptions(program.command('stop <session>'), GATEWAY_OPTIONS)
    .description('Stop the agent of a session; the session stays and takes further inputs')
    .option('--drop', 'Also take back the inputs that wait in the queue')
    .option('--json', SESSION_JSON)
    .addHelpText('after', `${examples('pizzapi stop last', 'pizzapi stop <session> --drop')}\n\n${SESSION_HELP}`)
    .action(async (session: string, flags: Flags) => {
      const ref = await resolveSessionRef(session, flags, io);
      await runSessionCommand(ref, 'abort', flags['drop'] === true ? { queue: 'drop' } : {}, io);
      report(io, ref, flags, 'Stopped');
    });
  addOptions(program.command('kill <session>'), GATEWAY_OPTIONS)
    .description('End a session; its log is kept, and `pizzapi resume` continues it')
    .option('--json', SESSION_JSON)
    .addHelpText('after', `${examples('pizzapi kill last', 'pizzapi kill <session>')}\n\n${SESSION_HELP}`)
    .action(async (session: string, flags: Flags) => {
      const ref = await resolveSessionRef(session, flags, io);
      await runSessionCommand(ref, 'kill_session', {}, io);
      report(io, ref, flags, 'Ended');
    });
  addOptions(program.command('delete <session>'), GATEWAY_OPTIONS)
    .description('End a session and delete its log and its files permanently')
    .option('--yes', 'Do not ask: this cannot be undone')
    .option('--json', SESSION_JSON)
    .addHelpText(
      'after',
      `${examples('pizzapi delete <session>', 'pizzapi delete <session> --yes', 'pizzapi usage')}\n\n${SESSION_HELP}`,
    )
    .action(async (session: string, flags: Flags) => {
      const asks = flags['yes'] !== true;
      if (asks) requireConfirmation(io, `This deletes ${toSafeLine(session, 80)} permanently`);
      const ref = await resolveSessionRef(session, flags, io);
      const gateway = gatewayOfRef(ref);
      if (asks) {
        const { session: known } = await unwrapResult(gateway, gateway.api.session(ref.sid));
        const title = `"${toSafeLine(titleOf(known), 60)}" (${ref.sid})`;
        await confirm(io, `Delete ${title} with its log and files permanently?`);
      }
      await unwrapResult(gateway, gateway.api.deleteSession(ref.sid));
      report(io, ref, flags, 'Deleted');
    });
  addOptions(program.command('rename <session> <name>'), GATEWAY_OPTIONS)
    .description('Rename a session')
    .option('--json', SESSION_JSON)
    .addHelpText(
      'after',
      `${examples('pizzapi rename last "The failing test"', 'pizzapi rename <session> Docs')}\n\n${SESSION_HELP}`,
    )
    .action(async (session: string, name: string, flags: Flags) => {
      const ref = await resolveSessionRef(session, flags, io);
      await runSessionCommand(ref, 'set_name', { name }, io);
      report(io, ref, flags, 'Renamed');
    });
}

function report(io: Io, ref: SessionRef, flags: Flags, done: string): void {
  if (flags['json'] === true) printSession(io, ref, flags);
  else line(io.stdout, `${done}: ${ref.sid}`);
}
