import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { CodedError, visibleText, type GitFileChange, type MethodReply } from '@pizzapi/protocol';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, type GatewayAccess } from '../home.js';
import { jsonLine, line, toSafeLine, type Io } from '../io.js';
import { gatewayOfRef, resolveSessionRef, SESSION_HELP } from '../sessionRef.js';
import { unwrapResult } from '../unwrapResult.js';

type Flags = Readonly<Record<string, unknown>>;

/** Adds `changes`, which prints the files that a session changed. */
export function addChanges(program: Command, { io }: CliContext): void {
  addOptions(program.command('changes <session>'), GATEWAY_OPTIONS)
    .description('Print the files that a session changed, in total or in one turn')
    .option('--turn <number>', 'Only what one turn changed')
    .option('-p, --patch', 'Print the changes themselves, as a unified diff')
    .option('--json', 'Print one line of JSON: { source, turns, files, total, … }')
    .addHelpText(
      'after',
      `${examples('pizzapi changes last', 'pizzapi changes last --turn 2 --patch', 'pizzapi changes last --patch | git apply --reverse')}

${SESSION_HELP} In a folder without git these are the changes that the tools of the agent report.`,
    )
    .action(async (named: string, flags: Flags) => {
      const ref = await resolveSessionRef(named, flags, io);
      const gateway = gatewayOfRef(ref);
      const turn = turnOf(flags['turn']);
      const { session } = await unwrapResult(gateway, gateway.api.session(ref.sid));
      const request = { sessionId: ref.sid, ...(turn === undefined ? {} : { turn }) };
      const reply = await allChanges(gateway, session.runnerId, request);
      if (flags['json'] === true) return line(io.stdout, jsonLine(reply));
      if (flags['patch'] === true) return printPatches(gateway, session.runnerId, request, reply.files, io);
      for (const text of changesText(reply)) line(io.stdout, text);
    });
}

function turnOf(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  const turn = Number(given);
  if (!Number.isInteger(turn) || turn < 1) throw new CodedError('bad_option', '--turn is a number from 1');
  return turn;
}

interface ChangesRequest {
  sessionId: string;
  turn?: number;
}

async function allChanges(
  gateway: GatewayAccess,
  rid: string,
  request: ChangesRequest,
): Promise<MethodReply<'session_changes'>> {
  const ask = (offset: number) =>
    unwrapResult(gateway, gateway.api.runnerCall(rid, 'session_changes', { ...request, offset }));
  const { next: following, ...first } = await ask(0);
  const files = [...first.files];
  for (let next = following; next !== undefined;) {
    const page = await ask(next);
    files.push(...page.files);
    next = page.next;
  }
  return { ...first, files };
}

async function printPatches(
  gateway: GatewayAccess,
  rid: string,
  request: ChangesRequest,
  files: readonly GitFileChange[],
  io: Io,
): Promise<void> {
  for (const { path } of files) {
    let version: string | undefined;
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const asked = { ...request, path, offset, ...(version === undefined ? {} : { version }) };
      const page: MethodReply<'session_diff'> = await unwrapResult(
        gateway,
        gateway.api.runnerCall(rid, 'session_diff', asked),
      );
      io.stdout.write(Buffer.from(page.patch, 'base64'));
      ({ version, next: offset } = page);
    }
  }
}

const SIGNS: Readonly<Record<string, string>> = { added: 'A', untracked: 'A', deleted: 'D', renamed: 'R', copied: 'C' };

function changesText({ source, why, turns, files, total }: MethodReply<'session_changes'>): string[] {
  const lines = source === 'git' ? [] : [toSafeLine(why ?? '', 200)];
  if (source === 'tools') lines.push('These are the changes that the tools of the agent report.');
  for (const file of files) {
    const counts = file.binary === true ? 'binary' : `+${file.added ?? 0} -${file.removed ?? 0}`;
    lines.push(`${SIGNS[file.state] ?? 'M'}  ${toSafeLine(visibleText(file.path), 200)}  ${counts}`);
  }
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`;
  const all = `${count(total.files, 'file')}, ${total.added} added and ${total.removed} removed`;
  return [...lines, `${all}; ${count(turns.length, 'turn')}`];
}
