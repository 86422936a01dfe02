import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { parseTerminalId, type TerminalInfo } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, type GatewayAccess } from '../home.js';
import { showHostTerminal } from '../hostTerminal/hostTerminal.js';
import { EXIT, Failure, jsonLine, line, type Io } from '../io.js';
import { findRunner } from '../runnerLookup.js';
import { tableRows } from '../table.js';
import { unwrapResult } from '../unwrapResult.js';
import { requireTerminal } from './attach.js';

interface TerminalFlags extends Record<string, unknown> {
  cwd?: string;
  session?: string;
  name?: string;
  attach?: string;
  list?: true;
  kill?: string;
  json?: true;
}

/** The size of a terminal that is opened without one, until its first viewer says its own. */
const COLS = 80;
const ROWS = 24;

/** Adds `terminal`, which opens a shell on the host of a runner and shows it here. */
export function addHostTerminal(program: Command, context: CliContext): void {
  addOptions(program.command('terminal [runner]'), GATEWAY_OPTIONS)
    .description('Open a terminal on the host of a runner, which continues without you')
    .option('--cwd <folder>', 'Folder within the roots of the runner (default: the first root)')
    .option('--session <id>', 'Open it in the folder of this session')
    .option('--name <name>', 'Name of the terminal')
    .option('--attach <terminal>', 'Show a terminal that is open already')
    .option('--list', 'List the terminals of the runner')
    .option('--kill <terminal>', 'End a terminal with all its processes')
    .option('--json', 'With --list: print one line of JSON for each terminal')
    .addHelpText(
      'after',
      `${examples('pizzapi terminal laptop --cwd project', 'pizzapi terminal laptop --list', 'pizzapi terminal --attach <terminal>')}

<runner> is a name, an id or the beginning of one. At the beginning of a line \`~.\` leaves and the terminal continues, \`~k\`
takes the keyboard from the viewer that has it, \`~~\` types ~. A terminal also outlives the connection, the gateway
and the daemon; it ends with its shell, with --kill, or after a day without viewers. The exit code is that of the shell.`,
    )
    .action(async (named: string | undefined, flags: TerminalFlags) => {
      context.exitCode = await run(named, flags, context.io);
    });
}

async function run(named: string | undefined, flags: TerminalFlags, io: Io): Promise<number> {
  const gateway = gatewayOf(flags, io);
  if (flags.kill !== undefined) {
    const rid = runnerOf(flags.kill);
    await unwrapResult(gateway, gateway.api.runnerCall(rid, 'kill_terminal', { terminalId: flags.kill }));
    return EXIT.ok;
  }
  if (flags.attach !== undefined) {
    runnerOf(flags.attach);
    return show(io, gateway, flags.attach);
  }
  const rid = await runnerNamed(named, gateway);
  if (flags.list === true) return list(io, gateway, rid, flags.json === true);
  requireTerminal(io, 'use `pizzapi exec` for a command without one');
  const { columns: cols = COLS, rows = ROWS } = io.terminal;
  const { cwd, session, name } = flags;
  const asked = {
    ...{ cols, rows },
    ...(cwd === undefined ? {} : { cwd }),
    ...(session === undefined ? {} : { sessionId: session }),
    ...(name === undefined ? {} : { name }),
  };
  const { terminalId } = await unwrapResult(gateway, gateway.api.runnerCall(rid, 'new_terminal', asked));
  return show(io, gateway, terminalId);
}

async function show(io: Io, gateway: GatewayAccess, terminalId: string): Promise<number> {
  requireTerminal(io, 'read its output with POST /api/runners/<runner>/rpc/terminal_output');
  return showHostTerminal(io, gateway, terminalId);
}

async function runnerNamed(named: string | undefined, gateway: GatewayAccess): Promise<string> {
  if (named === undefined)
    throw new Failure({ code: 'bad_option', message: 'Name a runner, or a terminal with --attach.' }, EXIT.usage);
  const { runners } = await unwrapResult(gateway, gateway.api.runners());
  return findRunner(runners, named).runnerId;
}

function runnerOf(terminalId: string): string {
  const id = parseTerminalId(terminalId);
  if (id !== undefined) return id.runnerId;
  const message = 'This is no id of a terminal. `pizzapi terminal <runner> --list` lists them.';
  throw new Failure({ code: 'bad_option', message }, EXIT.usage);
}

async function list(io: Io, gateway: GatewayAccess, rid: string, json: boolean): Promise<number> {
  const { terminals } = await unwrapResult(gateway, gateway.api.runnerCall(rid, 'list_terminals', {}));
  if (json) for (const terminal of terminals) line(io.stdout, jsonLine(terminal));
  else for (const row of rowsOf(terminals, io)) line(io.stdout, row);
  return EXIT.ok;
}

function rowsOf(terminals: readonly TerminalInfo[], io: Io): string[] {
  const columns = [
    { title: 'TERMINAL', widest: 90 },
    { title: 'NAME', widest: 30 },
    { title: 'FOLDER', widest: 60 },
    { title: 'VIEWERS', widest: 7 },
    { title: 'KEYBOARD', widest: 40 },
  ];
  const rows = terminals.map(({ terminalId, name, cwd, viewers, writer, exit }) => [
    ...[terminalId, name, cwd, String(viewers)],
    exit === undefined ? (writer?.name ?? '') : 'ended',
  ]);
  return tableRows(columns, rows, io, (row) => terminals[row]?.exit !== undefined);
}
