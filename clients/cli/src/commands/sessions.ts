import { InvalidArgumentError, Option, type Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import {
  ago,
  MAX_SESSIONS_PAGE,
  SESSION_STATES,
  titleOf,
  type SessionInfo,
  type SessionsQuery,
  searchedText,
  modelText,
} from '@pizzapi/protocol';
import { listSessions, queryText, type Api, type ApiResult } from '@pizzapi/session-client';
import { findRunner } from '../runnerLookup.js';
import { sessionPage } from '../sessionRef.js';
import { shortIds } from '../sessionLookup.js';
import { unwrapResult } from '../unwrapResult.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { jsonLine, line, type Io } from '../io.js';
import { examples, type CliContext } from '../context.js';
import { tableRows, type Column } from '../table.js';

export function addSessions(program: Command, { io }: CliContext): void {
  addOptions(program.command('sessions'), GATEWAY_OPTIONS)
    .description('List your sessions, newest first')
    .argument('[search]', 'Only sessions whose name, folder, model or id has all these words')
    .option('--runner <runner>', 'Only sessions of this runner: its name or id')
    .addOption(
      new Option('--state <state>', 'Only sessions in this state; live: all that have not ended').choices([
        ...SESSION_STATES,
        'live',
      ]),
    )
    .option('--limit <number>', 'At most this many sessions', positive)
    .option('--json', 'Print one line of JSON for each session: { sessionId, url, name, state, … } with full ids')
    .addHelpText(
      'after',
      `${examples('pizzapi sessions', 'pizzapi attach last', 'pizzapi sessions --json | jq -r \'select(.state=="waiting").sessionId\'')}

The first column has short ids. Every command takes them, and names and \`last\`.`,
    )
    .action(async (search: string | undefined, flags: ListFlags) => {
      const gateway = gatewayOf(flags, io);
      const query = await queryOf(search, flags, gateway);
      const sessions = await unwrapResult(gateway, listFitting(gateway.api, query, search, flags.limit));
      const latest = sessions.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt);
      if (flags['json'] === true) {
        for (const session of latest)
          line(io.stdout, jsonLine({ ...session, url: sessionPage(session.sessionId, gateway.url, gateway.home) }));
      } else if (latest.length === 0 && Object.keys(query).length > 1) {
        line(io.stdout, 'No session fits.');
      } else if (latest.length === 0) {
        line(io.stdout, `No sessions yet. Open ${gateway.url} to start one.`);
      } else {
        for (const row of table(latest, Date.now(), io)) line(io.stdout, row);
      }
    });
}

interface ListFlags extends Record<string, unknown> {
  runner?: string;
  state?: NonNullable<SessionsQuery['state']>;
  limit?: number;
}

async function queryOf(
  search: string | undefined,
  { runner, state }: ListFlags,
  gateway: GatewayAccess,
): Promise<SessionsQuery> {
  const query: SessionsQuery = { limit: MAX_SESSIONS_PAGE };
  const q = queryText(search ?? '');
  if (q !== undefined) query.q = q;
  if (state !== undefined) query.state = state;
  if (runner !== undefined) {
    const { runners } = await unwrapResult(gateway, gateway.api.runners());
    query.runner = findRunner(runners, runner).runnerId;
  }
  return query;
}

/** The gateway finds one word of a search; the others are looked for here. */
async function listFitting(
  api: Api,
  query: SessionsQuery,
  search = '',
  limit = Infinity,
): Promise<ApiResult<SessionInfo[]>> {
  const words = search.toLowerCase().split(/\s+/);
  if (words.length < 2) return listSessions(api, { ...query, limit: Math.min(limit, MAX_SESSIONS_PAGE) }, limit);
  const reply = await listSessions(api, query);
  if (reply.kind === 'failed') return reply;
  const fitting = reply.value.filter((session) => words.every((word) => searchedText(session).includes(word)));
  return { ...reply, value: fitting.slice(0, limit) };
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return number;
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
    modelText(session.model),
    session.cwd,
    titleOf(session, ''),
  ]);
  return tableRows(COLUMNS, rows, io, (at) => sessions[at]!.state === 'ended');
}

function stateOf({ state, host, interrupted }: SessionInfo): string {
  if (host === 'lost' && state !== 'ended') return 'host lost';
  return state === 'idle' && interrupted === true ? 'interrupted' : state;
}
