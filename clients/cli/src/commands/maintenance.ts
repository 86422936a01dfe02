import type { Command } from 'commander';
import { BACKUP_OPTIONS, RESTORE_OPTIONS } from '@pizzapi/backbone';
import { addOptions, flagsAsEnvironment, type OptionsSpec } from '@pizzapi/process';
import { errorInfo, OWNER_ID, parseDuration } from '@pizzapi/protocol';
import { resolve } from 'node:path';
import { examples, type CliContext } from '../context.js';
import { EXIT, Failure } from '../io.js';
import { mainOf, runProgram } from '../spawnProgram.js';

type Flags = Readonly<Record<string, unknown>>;

/** A pipe, or a path: absolute, because another program reads it. */
const placeOf = (path: string): string => (path === '-' ? path : resolve(path));

/** `backup`, `restore`, `archive`, `open`: what an operator does with the store as a whole. A program of the relay does it. */
export function addMaintenance(program: Command, context: CliContext): void {
  const run = async (request: object, spec: OptionsSpec, flags: Flags): Promise<void> => {
    const main = mainOf('@pizzapi/local/keep', 'relay_not_included');
    const args = [JSON.stringify(request), flags['json'] === true ? 'json' : 'text'];
    context.exitCode = await runProgram(main, args, { ...context.io.env, ...flagsAsEnvironment(spec, flags) });
  };

  addOptions(program.command('backup <folder>'), BACKUP_OPTIONS)
    .description('Back up a running installation to a folder, or to stdout: -')
    .option('--verify', 'Fold every session of the backup and of the installation, and compare them')
    .option('--json', 'Print one line of JSON: { messages, bytes, files, totalBytes, verified? }')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi backup /var/backups/pizzapi --verify',
        'pizzapi backup - | zstd > pizzapi.zst',
        'PIZZAPI_NATS_ADMIN_NKEY=SU… pizzapi backup /var/backups/pizzapi --nats-url nats://10.0.0.5:4222',
      )}

The same command on the same folder adds what is new, and continues a backup that was interrupted.
Only its owner can read the files: they hold everything that the installation stores.`,
    )
    .action((folder: string, flags: Flags) =>
      run({ command: 'backup', to: placeOf(folder), verify: flags['verify'] === true }, BACKUP_OPTIONS, flags),
    );

  addOptions(program.command('restore <backup>'), RESTORE_OPTIONS)
    .description('Restore a backup (a folder, a file, or - for stdin) into an empty installation')
    .option('--tombstones <file>', 'What was erased since: tombstones.jsonl of a newer backup, or its folder')
    .option('--verify', 'Fold every restored session, and compare it with the backup')
    .option('--json', 'Print one line of JSON: { partitions, log, restored, left, tombstones, verified? }')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi restore /var/backups/pizzapi --verify',
        'zstd -dc pizzapi.zst | pizzapi restore - --partitions 4',
        'PIZZAPI_NATS_ADMIN_NKEY=SU… pizzapi restore /var/backups/pizzapi --nats-url nats://a:4222 --replicas 3',
      )}

Stop the services first; they refuse to start until it has ended. Every checksum is compared before anything is
written. An interrupted restore begins again.`,
    )
    .action((backup: string, flags: Flags) => {
      const { tombstones } = flags;
      const newer = typeof tombstones === 'string' ? { tombstones: resolve(tombstones) } : {};
      const request = { command: 'restore', from: placeOf(backup), verify: flags['verify'] === true, ...newer };
      return run(request, RESTORE_OPTIONS, flags);
    });

  addOptions(program.command('archive [session]'), BACKUP_OPTIONS)
    .description('Write ended sessions to files that can be opened again, and erase them')
    .requiredOption('--to <folder>', 'Where the files are written')
    .option('--older-than <time>', 'All sessions that ended longer ago than this, such as 90d')
    .option('--keep', 'Do not erase the sessions')
    .option('--json', 'Print one line of JSON: { archived: [{ sid, file, events, files }], erased }')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi archive <session> --to /var/archive',
        'pizzapi archive --older-than 90d --to /var/archive',
        'pizzapi open /var/archive/<session>.pizzapi',
      )}

<session> is the whole id. Each file is read back and compared before its session is erased.`,
    )
    .action((session: string | undefined, flags: Flags) => {
      const olderThanMs = parseDuration(flags['olderThan']);
      if ((session === undefined) === (flags['olderThan'] === undefined) || (session === undefined && !olderThanMs))
        throw new Failure(errorInfo('bad_option', 'Name a session, or an age such as --older-than 90d'), EXIT.usage);
      const which = session === undefined ? { olderThanMs } : { sid: session };
      const request = { command: 'archive', ...which, to: resolve(String(flags['to'])), keep: flags['keep'] === true };
      return run(request, BACKUP_OPTIONS, flags);
    });

  addOptions(program.command('open <file>'), BACKUP_OPTIONS)
    .description('Open an archive as a read-only session, under a new id')
    .option('--user <id>', 'The account that gets the session (default: the owner of the installation)')
    .option('--json', 'Print one line of JSON: { sessionId, events, files }')
    .addHelpText('after', examples('pizzapi open /var/archive/<session>.pizzapi'))
    .action((file: string, flags: Flags) =>
      run({ command: 'open', file: resolve(file), userId: flags['user'] ?? OWNER_ID }, BACKUP_OPTIONS, flags),
    );
}
