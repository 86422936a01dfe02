import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { addGuestName, guestName } from '../guestName.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, toSafeLine, type Io } from '../io.js';
import { withAccount } from '../guestAccount.js';
import { parseSessionLink, parseShortLink } from '../sessionLink.js';
import { resolveSessionRef, SESSION_HELP, type SessionRef } from '../sessionRef.js';
import { expandShortLink } from '../shortLink.js';
import { examples, type CliContext } from '../context.js';

type Flags = Readonly<Record<string, unknown>>;

export function addAttach(program: Command, context: CliContext): void {
  addGuestName(addOptions(program.command('attach <session>'), GATEWAY_OPTIONS))
    .description('Show a session in this terminal and steer it')
    .addHelpText(
      'after',
      `${examples('pizzapi attach last', 'pizzapi attach "The failing test"', "pizzapi attach '<share link>' --name Grace")}

${SESSION_HELP}
Leaving (//quit, or Ctrl-C twice) does not end the session. Inside, //help shows keys and commands.`,
    )
    .action(async (session: string, flags: Flags) => {
      context.exitCode = await attachTo(session, flags, guestName(flags), context.io);
    });
}

/** Shows a session until the person leaves it. Resolves with the exit code. */
export async function attachTo(session: string, flags: Flags, name: string | undefined, io: Io): Promise<number> {
  const { home } = gatewayOf(flags, io);
  const isLink = parseSessionLink(session) !== undefined || parseShortLink(session) !== undefined;
  const shown = isLink ? "'<link>'" : toSafeLine(session, 64);
  requireTerminal(io, `\`pizzapi tail ${shown}\` prints the session without one`);
  const ref = await resolveSessionRef(await expandShortLink(session), flags, io);
  return attachToRef(await withAccount(ref, home), home, name, io);
}

/** Shows a session that was found already. */
export async function attachToRef(ref: SessionRef, home: string, name: string | undefined, io: Io): Promise<number> {
  // Loaded on demand: pi's terminal UI is large, and no other command needs it.
  const { attach } = await import('../attach/index.js');
  return attach(ref, { home, ...(name === undefined ? {} : { name }) }, io);
}

/** Fails unless stdin and stdout are a terminal. Stderr may be a file. */
export function requireTerminal(io: Io, instead: string): void {
  if (io.terminal.columns !== undefined && io.terminal.keys) return;
  const message = `This needs a terminal, for its keys and its screen: ${instead}.`;
  throw new Failure({ code: 'bad_option', message }, EXIT.usage);
}
