import type { Command } from 'commander';
import {
  addOptions,
  localToken,
  loginUrl,
  LINK_TTL_MS,
  mintLinkToken,
  readGatewaySecret,
  readOptions,
} from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { HOME_OPTIONS, readLocalState } from '../home.js';
import { Failure, jsonLine, line } from '../io.js';
import { examples, type CliContext } from '../context.js';

export function addLink(program: Command, { io }: CliContext): void {
  addOptions(program.command('link'), HOME_OPTIONS)
    .description('Print a new one-time sign-in link of the local run')
    .option('--json', 'Print one line of JSON: { url, loginUrl, expiresAt }')
    .option('--exports', 'Print shell exports for scripts instead: PIZZAPI_RELAY_URL and PIZZAPI_API_KEY')
    .addHelpText('after', examples('pizzapi link', 'pizzapi link --json', 'eval "$(pizzapi link --exports)"'))
    .action((flags: Record<string, unknown>) => {
      const { home } = readOptions(HOME_OPTIONS, flags, io.env);
      const state = readLocalState(home);
      const secret = readGatewaySecret(home);
      if (state === undefined || secret === undefined) {
        throw new Failure(errorInfo('gateway_unreachable', `No local run uses ${home}`));
      }
      if (flags['exports'] === true) {
        line(io.stdout, `export PIZZAPI_RELAY_URL='${state.url}'`);
        return line(io.stdout, `export PIZZAPI_API_KEY='${localToken(secret)}'`);
      }
      const now = Date.now();
      const link = loginUrl(state.pageUrl, mintLinkToken(secret, now));
      if (flags['json'] !== true) return line(io.stdout, link);
      line(io.stdout, jsonLine({ url: state.url, loginUrl: link, expiresAt: now + LINK_TTL_MS }));
    });
}
