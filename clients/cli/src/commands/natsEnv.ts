import type { Command } from 'commander';
import { addOptions, readOptions } from '@pizzapi/process';
import { shellQuote } from '@pizzapi/protocol';
import { HOME_OPTIONS, requireNatsAccess } from '../home.js';
import { line } from '../io.js';
import { examples, type CliContext } from '../context.js';

export function addNatsEnv(program: Command, { io }: CliContext): void {
  addOptions(program.command('nats-env'), HOME_OPTIONS)
    .description('Print shell exports for read-only access of the nats command to the local run')
    .addHelpText(
      'after',
      examples(
        'eval "$(pizzapi nats-env)"',
        "nats sub 'session.*.events' --translate 'pizzapi decode'",
        'nats --js-domain pizzapi stream info SESSIONS',
        'nats --js-domain pizzapi stream get SESSIONS 1',
      ),
    )
    .action((flags: Record<string, unknown>) => {
      const { home } = readOptions(HOME_OPTIONS, flags, io.env);
      const {
        url,
        users: { auditor },
      } = requireNatsAccess(home);
      line(io.stdout, `export NATS_URL=${shellQuote(url)}`);
      line(io.stdout, `export NATS_USER=${shellQuote(auditor.user)}`);
      line(io.stdout, `export NATS_PASSWORD=${shellQuote(auditor.password)}`);
    });
}
