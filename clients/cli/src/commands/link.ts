import type { Command } from 'commander';
import { addOptions, localToken, loginUrl, LINK_TTL_MS, mintLinkToken, OPTIONS, readOptions } from '@pizzapi/process';
import { errorInfo, programUrl } from '@pizzapi/protocol';
import { gatewaySecretOf, HOME_OPTIONS, readLocalState } from '../home.js';
import { EXIT, Failure, jsonLine, line } from '../io.js';
import { showQr } from '../qr.js';
import { examples, type CliContext } from '../context.js';
import { gatewayApi } from '@pizzapi/runner/access';

const ON_A_PHONE =
  'This link opens on this machine only. For a phone start with `npm start -- --lan`, or choose “Continue on your phone” in the page.';

const LINK_OPTIONS = {
  ...HOME_OPTIONS,
  publicUrl: {
    ...OPTIONS.publicUrl,
    help: 'Address of the page, for a gateway whose secret is PIZZAPI_GATEWAY_SECRET',
  },
  gatewaySecret: OPTIONS.gatewaySecret,
};

export function addLink(program: Command, { io }: CliContext): void {
  addOptions(program.command('link'), LINK_OPTIONS)
    .description('Print a new one-time sign-in link of the owner')
    .option('--json', 'Print one line of JSON: { url, loginUrl, expiresAt, phone? }')
    .option('--no-qr', 'Do not show a QR code')
    .option('--exports', 'Print shell exports for scripts instead: PIZZAPI_RELAY_URL and PIZZAPI_API_KEY')
    .addHelpText('after', examples('pizzapi link', 'pizzapi link --json', 'eval "$(pizzapi link --exports)"'))
    .action(async (flags: Record<string, unknown>) => {
      const { home, publicUrl, gatewaySecret } = readOptions(LINK_OPTIONS, flags, io.env);
      const isElsewhere = gatewaySecret !== undefined;
      const state = isElsewhere ? addressesOf(publicUrl) : readLocalState(home);
      const secret = gatewaySecretOf(home, gatewaySecret);
      if (state === undefined || secret === undefined) {
        throw new Failure(errorInfo('gateway_unreachable', `No local run uses ${home}`));
      }
      if (flags['exports'] === true) {
        line(io.stdout, `export PIZZAPI_RELAY_URL='${state.url}'`);
        return line(io.stdout, `export PIZZAPI_API_KEY='${localToken(secret)}'`);
      }
      const now = Date.now();
      const link = loginUrl(state.pageUrl, mintLinkToken(secret, now));
      const network = isElsewhere
        ? undefined
        : await gatewayApi({ url: programUrl(state.url), token: localToken(secret) }).network();
      const [best] = network?.kind === 'ok' ? network.value.addresses : [];
      const phone = best && { url: best.url, loginUrl: loginUrl(best.url, mintLinkToken(secret, now)) };
      if (flags['json'] === true) {
        const more = phone === undefined ? {} : { phone };
        return line(io.stdout, jsonLine({ url: state.url, loginUrl: link, expiresAt: now + LINK_TTL_MS, ...more }));
      }
      line(io.stdout, link);
      if (isElsewhere) return;
      if (phone === undefined) return line(io.stderr, ON_A_PHONE);
      line(io.stderr, `On your phone: ${phone.loginUrl}`);
      if (flags['qr'] !== false) showQr(io, io.stderr, phone.loginUrl);
    });
}

/** The addresses of a gateway that runs elsewhere. Throws `bad_option` when its page has none. */
function addressesOf(publicUrl: string | undefined): { url: string; pageUrl: string } {
  if (publicUrl !== undefined) return { url: publicUrl, pageUrl: publicUrl };
  const what =
    'Set PIZZAPI_PUBLIC_URL to the address of the page, as PIZZAPI_GATEWAY_SECRET belongs to a gateway elsewhere';
  throw new Failure(errorInfo('bad_option', what), EXIT.usage);
}
