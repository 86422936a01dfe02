import type { Command } from 'commander';
import { addOptions } from '@pizzapi/process';
import type { Me } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { jsonLine, line } from '../io.js';
import { personText } from './login.js';

const BY: Readonly<Record<Me['by'], string>> = {
  session: 'a browser session',
  key: 'an API key',
  local: 'the secret of the local run',
  share: 'a share link',
};

export function addWhoami(program: Command, { io }: CliContext): void {
  addOptions(program.command('whoami'), GATEWAY_OPTIONS)
    .description('Print your account at a gateway and the credential in use')
    .option('--json', 'Print one line of JSON: { url, userId, name, role, by, … }')
    .addHelpText('after', examples('pizzapi whoami', 'pizzapi whoami --json | jq -r .userId'))
    .action(async (flags: Record<string, unknown>) => {
      const gateway = gatewayOf(flags, io);
      const me = await unwrapResult(gateway, gateway.api.me());
      if (flags['json'] === true) return line(io.stdout, jsonLine({ url: gateway.url, ...me }));
      line(io.stdout, `${personText(me)}, at ${gateway.url}, by ${BY[me.by]}`);
    });
}
