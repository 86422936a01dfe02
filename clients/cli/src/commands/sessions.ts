import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import type { SessionInfo } from '@pizzapi/protocol';
import { GATEWAY_OPTIONS, gatewayOf, valueOf } from '../home.js';
import { line, paint, plain, type Io } from '../io.js';
import { examples, type Context } from '../context.js';

export function addSessions(program: Command, { io }: Context): void {
  addOptions(program.command('sessions'), GATEWAY_OPTIONS)
    .description('List the sessions, the latest first')
    .option('--json', 'Print one line of JSON a session')
    .addHelpText(
      'after',
      examples('pizzapi sessions', 'pizzapi sessions --json | jq -r \'select(.state=="waiting").sessionId\''),
    )
    .action(async (flags: Record<string, unknown>) => {
      const { api, url } = gatewayOf(flags, io);
      const { sessions } = valueOf(await api.sessions());
      const latest = sessions.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt);
      if (flags['json'] === true) {
        for (const session of latest) line(io.stdout, JSON.stringify(session));
      } else if (latest.length === 0) {
        line(io.stdout, `No sessions yet. Open ${url} to start one.`);
      } else {
        for (const row of table(latest, Date.now(), io)) line(io.stdout, row);
      }
    });
}

const COLUMNS = ['SESSION', 'STATE', 'ACTIVE', 'MODEL', 'FOLDER', 'NAME'] as const;
/** Characters that a column may take; the last takes what is there. */
const WIDEST = [64, 10, 8, 32, 40, 80];

/** A row a session, under a heading, in aligned columns. */
export function table(sessions: readonly SessionInfo[], now: number, io: Pick<Io, 'colour'>): string[] {
  const rows = sessions.map((session) => [
    session.sessionId,
    stateOf(session),
    ago(now - session.lastActivityAt),
    session.model,
    session.cwd,
    session.name === '' ? (session.firstPrompt ?? '') : session.name,
  ]);
  const cells = [[...COLUMNS], ...rows].map((row) => row.map((cell, column) => plain(cell, WIDEST[column])));
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row, index) => {
    const text = row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
    if (index === 0) return paint(io, 'dim', text);
    return sessions[index - 1]!.state === 'ended' ? paint(io, 'dim', text) : text;
  });
}

function stateOf({ state, host }: SessionInfo): string {
  return host === 'lost' && state !== 'ended' ? 'host lost' : state;
}

/** How long ago something was: `now`, `5m`, `3h`, `2d`. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes}m`;
  return minutes < 60 * 24 ? `${Math.floor(minutes / 60)}h` : `${Math.floor(minutes / 60 / 24)}d`;
}
