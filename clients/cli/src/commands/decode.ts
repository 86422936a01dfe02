import type { Command } from 'commander';
import { examples, type CliContext } from '../context.js';
import { decodeInput } from '../decoding.js';

export function addDecode(program: Command, { io }: CliContext): void {
  program
    .command('decode')
    .description('Convert msgpack on stdin to lines of JSON on stdout')
    .addHelpText(
      'after',
      examples("nats sub 'session.*.events' --translate 'pizzapi decode'", 'pizzapi decode < message.bin | jq .'),
    )
    .action(() => decodeInput(io));
}
