import type { Command } from 'commander';
import { hostname } from 'node:os';
import { addOptions, homeLayout, OPTIONS, readOptions } from '@pizzapi/process';
import { RUNNER_RIGHTS } from '@pizzapi/protocol';
import { rightsOption } from '../rightsOption.js';
import { askForKey } from '../askForKey.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf, isLoopback } from '../home.js';
import { line } from '../io.js';
import { readRunnerToken, writeRunnerToken } from '../runnerToken.js';

const PAIR_OPTIONS = {
  home: OPTIONS.home,
  relayUrl: GATEWAY_OPTIONS.relayUrl,
  natsUrl: {
    ...OPTIONS.natsUrl,
    default: undefined,
    help: 'Address of nats-server, to connect to it instead of through the gateway',
  },
} as const;

interface PairFlags extends Record<string, unknown> {
  name?: string;
  allow?: string;
  browser: boolean;
  qr: boolean;
  ifUnpaired?: boolean;
}

/** Adds `pair` to the command `runner`, which passes all other arguments to the program of the runner. */
export function addRunnerPair(runner: Command, { io }: CliContext): void {
  addOptions(runner.command('pair').argument('[url]', 'Address of the gateway, in place of --relay-url'), PAIR_OPTIONS)
    .description('Get a runner token for this machine; you approve it in a browser or on your phone')
    .helpOption('-h, --help', 'Print this')
    .option('--name <name>', 'Name of the runner, and of its token in your list of keys (default: the host name)')
    .option('--allow <rights>', `What people may do on this machine: ${RUNNER_RIGHTS.join(',')} (default: all)`)
    .option('--no-browser', 'Do not open a browser')
    .option('--no-qr', 'Do not show a QR code')
    .option('--if-unpaired', 'Do nothing when this machine has a token for this gateway')
    .addHelpText(
      'after',
      `${examples('pizzapi runner pair https://relay.example.com --name workshop', 'pizzapi runner')}

The runner has the name until it is paired again. \`pizzapi runner --name\` takes precedence.
The token is stored in <home>/runner/token.json, which only you can read. PIZZAPI_RUNNER_TOKEN takes precedence.`,
    )
    .action(async (address: string | undefined, flags: PairFlags) => {
      const { home, url } = gatewayOf(address === undefined ? flags : { ...flags, relayUrl: address }, io);
      if (flags.ifUnpaired === true && readRunnerToken(home)?.relayUrl === url)
        return line(io.stdout, `This machine is paired with ${url}. \`pizzapi runner pair\` pairs it anew.`);
      const named = readOptions({ natsUrl: PAIR_OPTIONS.natsUrl }, flags, io.env).natsUrl;
      const name = (flags.name ?? hostname()).slice(0, 80);
      const allow = rightsOption(flags.allow);
      const { token, natsUrl } = await askForKey(io, {
        ...(allow === undefined ? {} : { allow }),
        url,
        kind: 'runner',
        name,
        browse: flags.browser,
        qr: flags.qr,
      });
      const replaced = readRunnerToken(home) !== undefined;
      const given = {
        ...{ token, relayUrl: url, natsUrl: named ?? natsUrl },
        ...(flags.name === undefined ? {} : { name }),
      };
      writeRunnerToken(home, given);
      line(io.stdout, `Paired with ${url}. Start the runner with \`pizzapi runner\`.`);
      line(io.stderr, `The token is kept in ${homeLayout(home).runnerTokenFile}.`);
      if (replaced) line(io.stderr, 'It replaces an older token: revoke the old one with `pizzapi keys revoke`.');
      const problem = natsProblem(given.natsUrl, url);
      if (problem !== undefined) line(io.stderr, `${problem}: start the runner with --nats-url.`);
    });
}

/** Returns why the runner cannot reach nats-server at the stored address, or undefined when no reason is known. */
export function natsProblem(natsUrl: string | undefined, relayUrl: string): string | undefined {
  if (natsUrl === undefined) return 'The gateway did not give an address of nats-server';
  const astray = isLoopback(natsUrl) && !isLoopback(relayUrl);
  return astray ? `The gateway gave the address ${natsUrl} of nats-server, which is this machine` : undefined;
}
