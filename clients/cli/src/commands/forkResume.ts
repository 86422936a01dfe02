import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, newId, visibleLine } from '@pizzapi/protocol';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, line, type Io } from '../io.js';
import { printSession, SESSION_JSON } from '../printSession.js';
import { runSessionCommand } from '../sessionCommand.js';
import { gatewayOfRef, resolveSessionRef, SESSION_HELP, sessionPage, type SessionRef } from '../sessionRef.js';
import { unwrapResult } from '../unwrapResult.js';
import { attachToRef, requireTerminal } from './attach.js';
import { examples, type CliContext } from '../context.js';

type Flags = Readonly<Record<string, unknown>>;

/** The maximum length of a session's name. */
const MAX_NAME = 200;

/** `fork` and `resume`: commands that continue a session. */
export function addForkAndResume(program: Command, context: CliContext): void {
  const { io } = context;
  addOptions(program.command('fork <session>'), GATEWAY_OPTIONS)
    .description('Start a session that continues from the history of another one')
    .option('--at <entry>', 'Fork before this input: the entryId of its event in the log (default: the end)')
    .option('--name <name>', 'Name of the new session')
    .option('--json', SESSION_JSON)
    .addHelpText(
      'after',
      `${examples('pizzapi fork last', 'pizzapi attach "$(pizzapi fork <session>)"')}\n\n${SESSION_HELP}`,
    )
    .action(async (session: string, flags: Flags) => {
      const ref = await resolveSessionRef(session, flags, io);
      const { at: entryId, name } = flags;
      const forked = await fork(
        ref,
        {
          ...(entryId === undefined ? {} : { entryId }),
          ...(name === undefined ? {} : { name }),
        },
        io,
      );
      print(io, forked, flags);
    });
  addOptions(program.command('resume <session>'), GATEWAY_OPTIONS)
    .description('Continue a session and attach to it, also one that has ended or is suspended')
    .option('-d, --detach', 'Print the id and the link of the session instead of attaching')
    .option('--json', `${SESSION_JSON}; implies --detach`)
    .addHelpText(
      'after',
      `${examples('pizzapi resume last', 'pizzapi resume "The failing test"', 'pizzapi resume <session> --detach')}

${SESSION_HELP}
A session that has ended stays as it is. A new session with its name and its history continues it.`,
    )
    .action(async (session: string, flags: Flags) => {
      const attaches = flags['detach'] !== true && flags['json'] !== true;
      if (attaches) requireTerminal(io, '`pizzapi resume --detach` continues a session without attaching');
      const ref = await resolveSessionRef(session, flags, io);
      if (ref.guest) {
        const what = 'A guest cannot resume a session. `pizzapi attach` shows it';
        throw new Failure(errorInfo('bad_option', what), EXIT.usage);
      }
      const resumed = await resume(ref, io);
      if (attaches) context.exitCode = await attachToRef(resumed, gatewayOf(flags, io).home, undefined, io);
      else print(io, resumed, flags);
    });
}

/** Wakes a session that has not ended. Forks one that has ended, with its name. Returns the session to continue with. */
async function resume(ref: SessionRef, io: Io): Promise<SessionRef> {
  const gateway = gatewayOfRef(ref);
  const { session } = await unwrapResult(gateway, gateway.api.session(ref.sid));
  if (session.state !== 'ended') {
    await runSessionCommand(ref, 'attach_session', {}, io);
    return ref;
  }
  const name = visibleLine(session.name).slice(0, MAX_NAME);
  const resumed = await fork(ref, name === '' ? {} : { name }, io);
  line(io.stderr, `${ref.sid} has ended. ${resumed.sid} continues it.`);
  return resumed;
}

async function fork(ref: SessionRef, args: Record<string, unknown>, io: Io): Promise<SessionRef> {
  const sessionId = newId('s');
  await runSessionCommand(ref, 'fork', { sessionId, ...args }, io);
  return { ...ref, sid: sessionId };
}

/** Prints the id on stdout and the address on stderr, or both as JSON. */
function print(io: Io, ref: SessionRef, flags: Flags): void {
  if (flags['json'] === true) return printSession(io, ref, flags);
  line(io.stdout, ref.sid);
  line(io.stderr, sessionPage(ref.sid, ref.url, gatewayOf(flags, io).home));
}
