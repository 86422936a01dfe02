import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, evolveRun, initialAgentRun, isInterruption, isMap, type ErrorInfo } from '@pizzapi/protocol';
import { openSession, type Session } from '@pizzapi/session-client';
import { eventLine } from '../eventLine.js';
import { addGuestName, guestName } from '../guestName.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, jsonLine, line, type Io } from '../io.js';
import { explainAccessError, resolveSessionRef, SESSION_HELP } from '../sessionRef.js';
import { withAccount } from '../guestAccount.js';
import { expandShortLink } from '../shortLink.js';
import { examples, type CliContext } from '../context.js';
import { OUTBOUND } from '@pizzapi/runner/access';

interface TailFlags extends Record<string, unknown> {
  from?: string;
  last?: string;
  json?: true;
}

export function addTail(program: Command, context: CliContext): void {
  addGuestName(addOptions(program.command('tail <session>'), GATEWAY_OPTIONS))
    .description('Print the log of a session and follow it until the session ends')
    .option('--from <seq>', 'Start at this offset instead of the first event')
    .option('--last <n>', 'Start with the last n events')
    .option('--json', 'Print one line of JSON for each event: { seq, event }')
    .addHelpText(
      'after',
      `${examples('pizzapi tail last', 'pizzapi tail <session> --last 20', 'pizzapi tail <session> --from 120 --json | jq -c .event.type', "pizzapi tail '<share link>'")}

${SESSION_HELP}
Stops when the session ends. The exit code is 0 when the session was completed or stopped by a person, else 1.`,
    )
    .action(async (session: string, flags: TailFlags) => {
      context.exitCode = await follow(session, flags, context.io);
    });
}

async function follow(named: string, flags: TailFlags, io: Io): Promise<number> {
  const from = offset('--from', flags.from);
  const last = offset('--last', flags.last);
  const resolved = await resolveSessionRef(await expandShortLink(named), flags, io);
  const ref = await withAccount(resolved, gatewayOf(flags, io).home);
  const { url, token, shareToken, sid } = ref;
  const name = guestName(flags);
  const session = openSession({
    url,
    sessionId: sid,
    ...(token === undefined ? {} : { token }),
    ...(shareToken === undefined ? {} : { shareToken }),
    ...(name === undefined ? {} : { name }),
    ...(from === undefined ? {} : { after: Math.max(0, from - 1) }),
    ...(last === undefined ? {} : { tail: Math.max(1, last) }),
    ...OUTBOUND,
  });
  let run = initialAgentRun();
  session.onEvent((seq, event) => {
    const before = run;
    run = evolveRun(run, event);
    const text =
      flags.json === true ? jsonLine({ seq, event }) : eventLine(seq, event, io, isInterruption(before, run));
    line(io.stdout, text);
  });
  let end: unknown;
  session.onEvent((_seq, event) => {
    if (isMap(event) && event['type'] === 'session_ended') end = event['reason'];
  });
  try {
    await untilEnd(session, from, io, (error) => explainAccessError(error, ref));
  } finally {
    session.close();
  }
  return end === 'completed' || end === 'killed' ? EXIT.ok : EXIT.failed;
}

/**
 * Resolves when the log was read to its end and its last event ends the session. Prints changes of the connection on
 * stderr.
 */
function untilEnd(
  session: Session,
  from: number | undefined,
  io: Io,
  explain: (error: ErrorInfo) => ErrorInfo,
): Promise<void> {
  let printed: string | undefined;
  // After a first failure, the HTTP API may report a more precise reason than the closed connection.
  let silentAttempts = 1;
  return new Promise((resolve, reject) => {
    session.subscribe(() => {
      const { state, sentence } = session.connection;
      if (state.kind === 'closed') {
        reject(new Failure(explain(state.error ?? errorInfo('gateway_unreachable'))));
      } else if (from !== undefined && state.kind === 'replaying' && from > session.head + 1) {
        const what = `This session has reached ${session.head}, and --from is ${from}`;
        reject(new Failure(errorInfo('invalid_offset', what)));
      } else if (state.kind === 'live' && session.transcript.ended) {
        resolve();
      } else if (state.kind === 'waiting' && sentence !== printed && state.attempt > silentAttempts) {
        line(io.stderr, sentence);
        printed = sentence;
      } else if (state.kind === 'live') {
        printed = undefined;
        silentAttempts = 0;
      }
    });
  });
}

function offset(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new Failure(errorInfo('invalid_offset', `${flag} is "${value}"`), EXIT.usage);
}
