import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import { errorInfo, isErrorCode, newId, type ErrorInfo } from '@pizzapi/protocol';
import { createApi, openSession } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import { unwrapResult } from '../unwrapResult.js';
import { GATEWAY_OPTIONS } from '../home.js';
import { EXIT, Failure, interruptible, jsonLine, line, type Io } from '../io.js';
import { explainAccessError, resolveSessionRef, type SessionRef } from '../sessionRef.js';
import { examples, type CliContext } from '../context.js';

/** How long a runner has to run a command, in ms. */
const RESULT_MS = 30_000;

/** `kill`, `delete`, `rename`, `fork`: commands that act on one session and wait for its result. */
export function addManage(program: Command, { io }: CliContext): void {
  addOptions(program.command('kill <session>'), GATEWAY_OPTIONS)
    .description('End a session; its log is kept')
    .addHelpText('after', examples('pizzapi kill <sid>'))
    .action(async (session: string, flags: Record<string, unknown>) => {
      const ref = resolveSessionRef(session, flags, io);
      await runCommand(ref, 'kill_session', {}, io);
      line(io.stdout, `Ended: ${ref.sid}`);
    });
  addOptions(program.command('delete <session>'), GATEWAY_OPTIONS)
    .description('End a session and delete its log and its files permanently')
    .option('--yes', 'Confirm: this cannot be undone')
    .addHelpText('after', examples('pizzapi delete <sid> --yes', 'pizzapi usage'))
    .action(async (session: string, flags: Record<string, unknown>) => {
      const { url, token, sid } = resolveSessionRef(session, flags, io);
      if (flags['yes'] !== true)
        throw new Failure(errorInfo('bad_option', `This deletes ${sid} permanently; add --yes to confirm`), EXIT.usage);
      const api = createApi({ url, ...(token === undefined ? {} : { token }) });
      await unwrapResult({ url, token, api }, api.deleteSession(sid));
      line(io.stdout, `Deleted: ${sid}`);
    });
  addOptions(program.command('rename <session> <name>'), GATEWAY_OPTIONS)
    .description('Rename a session')
    .addHelpText('after', examples('pizzapi rename <sid> "The failing test"'))
    .action(async (session: string, name: string, flags: Record<string, unknown>) => {
      const ref = resolveSessionRef(session, flags, io);
      await runCommand(ref, 'set_name', { name }, io);
      line(io.stdout, `Renamed: ${ref.sid}`);
    });
  addOptions(program.command('fork <session>'), GATEWAY_OPTIONS)
    .description('Start a session that continues from the history of another one')
    .option('--at <entry>', 'Fork before this input: the entryId of its event in the log (default: the end)')
    .option('--name <name>', 'Name of the new session')
    .option('--json', 'Print one line of JSON: { sessionId, url }')
    .addHelpText('after', examples('pizzapi fork <sid>', 'pizzapi attach "$(pizzapi fork <sid>)"'))
    .action(async (session: string, flags: Record<string, unknown>) => {
      const ref = resolveSessionRef(session, flags, io);
      const sessionId = newId('s');
      const { at: entryId, name } = flags;
      const wanted = { ...(entryId === undefined ? {} : { entryId }), ...(name === undefined ? {} : { name }) };
      await runCommand(ref, 'fork', { sessionId, ...wanted }, io);
      const url = `${ref.url.replace(/^ws/, 'http').replace(/\/+$/, '')}/s/${sessionId}`;
      if (flags['json'] === true) return line(io.stdout, jsonLine({ sessionId, url }));
      line(io.stdout, sessionId);
      line(io.stderr, url);
    });
}

/** Sends a command to the runner of a session and waits for its result. Fails with the error of the result. */
async function runCommand(ref: SessionRef, name: string, args: Record<string, unknown>, io: Io): Promise<void> {
  const { url, token, sid } = ref;
  const credentials = token === undefined ? {} : { token };
  const api = createApi({ url, ...credentials });
  await unwrapResult({ url, token, api }, api.session(sid));
  const session = openSession({ url, sessionId: sid, ...credentials, tail: 1, WebSocket });
  const finished = new AbortController();
  try {
    await interruptible(io, async (signal) => {
      const sent = await session.command(name, args);
      if (sent.kind === 'refused') throw new Failure(explainAccessError(sent.error, ref));
      if (sent.kind === 'unknown') throw new Failure(errorInfo('unknown'));
      const late = io.sleep(RESULT_MS, AbortSignal.any([signal, finished.signal])).then(() => 'late' as const);
      const outcome = await Promise.race([session.result(sent.commandId), late]);
      if (outcome === 'late') {
        if (signal.aborted) throw new Failure(errorInfo('unknown'), EXIT.interrupted);
        throw new Failure(errorInfo('runner_timeout'));
      }
      if (outcome.kind === 'failed') throw new Failure(toError(outcome.error));
      if (outcome.kind === 'closed') throw new Failure(errorInfo('unknown'));
    });
  } finally {
    finished.abort();
    session.close();
  }
}

function toError({ code, message }: { code: string; message: string }): ErrorInfo {
  return { code: isErrorCode(code) ? code : 'command_failed', message };
}
