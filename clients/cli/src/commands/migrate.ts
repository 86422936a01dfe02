import type { Command } from 'commander';
import { addOptions, flagsAsEnvironment, MIGRATE_OPTIONS, readOptions } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { mainOf, runProgram } from '../spawnProgram.js';
import { EXIT, Failure } from '../io.js';
import { examples, type CliContext } from '../context.js';

export function addMigrate(program: Command, context: CliContext): void {
  addOptions(program.command('migrate'), MIGRATE_OPTIONS)
    .description('Move the log to another number of partitions, and show that no event changed')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi migrate --partitions 4',
        'PIZZAPI_NATS_ADMIN_NKEY=SU… pizzapi migrate --partitions 4 --nats-url nats://10.0.0.5:4222',
      )}

Stop the services first; they refuse to start until the move has ended. When it is interrupted, the same command continues.`,
    )
    .action(async (flags: Record<string, unknown>) => {
      const { env } = context.io;
      const { partitions } = readOptions(MIGRATE_OPTIONS, flags, env);
      if (partitions === undefined)
        throw new Failure(errorInfo('bad_option', 'Name the number of partitions with --partitions'), EXIT.usage);
      const main = mainOf('@pizzapi/local/migrate', 'relay_not_included');
      const exitCode = await runProgram(main, [], { ...env, ...flagsAsEnvironment(MIGRATE_OPTIONS, flags) });
      context.exitCode = exitCode;
    });
}
