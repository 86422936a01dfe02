import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { ago, titleOf, type SessionInfo } from '@pizzapi/protocol';
import { sessionPage } from '../sessionRef.js';
import { shortIds } from '../sessionLookup.js';
import { unwrapResult } from '../unwrapResult.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { jsonLine, line, type Io } from '../io.js';
import { examples, type CliContext } from '../context.js';
import { tableRows, type Column } from '../table.js';

export function addSessions(program: Command, { io }: CliContext): void {
  addOptions(program.command('sessions'), GATEWAY_OPTIONS)
    .description('List your sessions, newest first')
    .option('--json', 'Print one line of JSON for each session: { sessionId, url, name, state, … } with full ids')
    .addHelpText(
      'after',
      `${examples('pizzapi sessions', 'pizzapi attach last', 'pizzapi sessions --json | jq -r \'select(.state=="waiting").sessionId\'')}

The first column has short ids. Every command takes them, and names and \`last\`.`,
    )
    .action(async (flags: Record<string, unknown>) => {
      const gateway = gatewayOf(flags, io);
      const { sessions } = await unwrapResult(gateway, gateway.api.sessions());
      const latest = sessions.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt);
      if (flags['json'] === true) {
        for (const session of latest)
          line(io.stdout, jsonLine({ ...session, url: sessionPage(session.sessionId, gateway.url, gateway.home) }));
      } else if (latest.length === 0) {
        line(io.stdout, `No sessions yet. Open ${gateway.url} to start one.`);
      } else {
        for (const row of table(latest, Date.now(), io)) line(io.stdout, row);
      }
    });
}

const COLUMNS: readonly Column[] = [
  { title: 'SESSION', widest: 64 },
  { title: 'STATE', widest: 11 },
  { title: 'ACTIVE', widest: 8 },
  { title: 'MODEL', widest: 32 },
  { title: 'FOLDER', widest: 40 },
  { title: 'NAME', widest: 80 },
];

/** Returns one row for each session, under a heading, in aligned columns. */
export function table(sessions: readonly SessionInfo[], now: number, io: Pick<Io, 'colour'>): string[] {
  const short = shortIds(sessions.map(({ sessionId }) => sessionId));
  const rows = sessions.map((session) => [
    short(session.sessionId),
    stateOf(session),
    ago(session.lastActivityAt, now),
    session.model,
    session.cwd,
    titleOf(session, ''),
  ]);
  return tableRows(COLUMNS, rows, io, (at) => sessions[at]!.state === 'ended');
}

function stateOf({ state, host, interrupted }: SessionInfo): string {
  if (host === 'lost' && state !== 'ended') return 'host lost';
  return state === 'idle' && interrupted === true ? 'interrupted' : state;
}
