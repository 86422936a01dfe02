import type { Command } from 'commander';
import { addOptions, readOptions } from '@pizzapi/process';
import { OWNER_ID } from '@pizzapi/protocol';
import { resolve } from 'node:path';
import { HOME_OPTIONS, readLocalState, requireNatsAccess } from '../home.js';
import { jsonLine, line, toSafeLine, type Io } from '../io.js';
import { examples, type CliContext } from '../context.js';

export function addImport(program: Command, { io }: CliContext): void {
  addOptions(program.command('import <file>'), HOME_OPTIONS)
    .description('Import a pi session file (JSON lines) as a read-only session')
    .option('--salvage', 'Take what can be read of a damaged file, and list the rest')
    .option('--json', 'Print one line of JSON: { sessionId, name, events, messages, damage, repairs, skipped, url }')
    .addHelpText(
      'after',
      `${examples('pizzapi import ~/.pi/agent/sessions/--work--/2026-01-01T10-00-00-000Z_abc.jsonl')}

The file is checked first. An invalid or damaged file creates no session.`,
    )
    .action(async (file: string, flags: Record<string, unknown>) => {
      const { home } = readOptions(HOME_OPTIONS, flags, io.env);
      // Loaded on demand: no other command connects to nats-server as its administrator.
      const { importSession } = await import('../importSession.js');
      const access = requireNatsAccess(home);
      const salvage = flags['salvage'] === true;
      const imported = await importSession(resolve(file), access, OWNER_ID, progress(io), { salvage });
      const base = readLocalState(home)?.pageUrl;
      const url = base === undefined ? undefined : `${base}/s/${imported.sessionId}`;
      if (flags['json'] === true) return line(io.stdout, jsonLine({ ...imported, url }));
      line(io.stdout, `${imported.sessionId}  ${imported.messages} messages, ${imported.events} events`);
      if (url !== undefined) line(io.stdout, url);
      for (const damaged of imported.damage) line(io.stderr, `Line ${damaged.line} ${toSafeLine(damaged.what)}`);
      for (const repair of imported.repairs) line(io.stderr, `Repaired: ${toSafeLine(repair)}`);
      if (imported.skipped.length > 0) {
        line(io.stderr, `Left out, as it is from a newer pi: ${toSafeLine(imported.skipped.join('; '))}`);
      }
    });
}

/** Returns a function that prints the progress on stderr. */
function progress(io: Io): (done: number, of: number) => void {
  return (done, of) => line(io.stderr, `${done} of ${of} events`);
}
