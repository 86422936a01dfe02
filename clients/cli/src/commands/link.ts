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
import { errorInfo, programUrl } from '@pizzapi/protocol';
import { HOME_OPTIONS, readLocalState } from '../home.js';
import { Failure, jsonLine, line } from '../io.js';
import { showQr } from '../qr.js';
import { examples, type CliContext } from '../context.js';
import { gatewayApi } from '@pizzapi/runner/access';

const ON_A_PHONE =
  'This link opens on this machine only. For a phone start with `npm start -- --lan`, or choose “Continue on your phone” in the page.';

export function addLink(program: Command, { io }: CliContext): void {
  addOptions(program.command('link'), HOME_OPTIONS)
    .description('Print a new one-time sign-in link of the local run')
    .option('--json', 'Print one line of JSON: { url, loginUrl, expiresAt, phone? }')
    .option('--no-qr', 'Do not show a QR code')
    .option('--exports', 'Print shell exports for scripts instead: PIZZAPI_RELAY_URL and PIZZAPI_API_KEY')
    .addHelpText('after', examples('pizzapi link', 'pizzapi link --json', 'eval "$(pizzapi link --exports)"'))
    .action(async (flags: Record<string, unknown>) => {
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
      const network = await gatewayApi({ url: programUrl(state.url), token: localToken(secret) }).network();
      const [best] = network.kind === 'ok' ? network.value.addresses : [];
      const phone = best && { url: best.url, loginUrl: loginUrl(best.url, mintLinkToken(secret, now)) };
      if (flags['json'] === true) {
        const more = phone === undefined ? {} : { phone };
        return line(io.stdout, jsonLine({ url: state.url, loginUrl: link, expiresAt: now + LINK_TTL_MS, ...more }));
      }
      line(io.stdout, link);
      if (phone === undefined) return line(io.stderr, ON_A_PHONE);
      line(io.stderr, `On your phone: ${phone.loginUrl}`);
      if (flags['qr'] !== false) showQr(io, io.stderr, phone.loginUrl);
    });
}
