import type { Command } from 'commander';
import { hostname, userInfo } from 'node:os';
import { addOptions, homeLayout, tokenKind } from '@pizzapi/process';
import { errorInfo, type Me } from '@pizzapi/protocol';
import { unwrapResult } from '../unwrapResult.js';
import { askForKey, warnOfPlainHttp } from '../askForKey.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, line, toSafeLine, type Io } from '../io.js';
import { rememberLogin } from '../logins.js';
import { readSecret } from '../secretInput.js';
import { gatewayApi } from '@pizzapi/runner/access';

interface LoginFlags extends Record<string, unknown> {
  key?: true;
  name?: string;
  browser: boolean;
  qr: boolean;
}

export function addLogin(program: Command, { io }: CliContext): void {
  addOptions(program.command('login'), GATEWAY_OPTIONS)
    .description('Sign in to a gateway for all other commands')
    .option('--key', 'Read an API key (pzk_…) from stdin instead of requesting one in the browser')
    .option('--name <name>', 'Name of the new key in your list of keys (default: this machine)')
    .option('--no-browser', 'Do not open a browser')
    .option('--no-qr', 'Do not show a QR code')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi login --relay-url https://relay.example.com',
        'pizzapi login --relay-url https://relay.example.com --key < key.txt',
      )}

The key is stored in <home>/login.json, which only you can read. PIZZAPI_API_KEY takes precedence.`,
    )
    .action(async (flags: LoginFlags) => {
      const { home, url } = gatewayOf(flags, io);
      const apiKey = flags.key === true ? await givenKey(io, url) : await requestKey(io, url, flags);
      const api = gatewayApi({ url, token: apiKey });
      const me = await unwrapResult({ url, token: apiKey, api }, api.me());
      rememberLogin(home, url, apiKey);
      line(io.stdout, `Signed in at ${url} as ${personText(me)}.`);
      line(io.stderr, `The key is kept in ${homeLayout(home).loginFile}; \`pizzapi logout\` revokes it.`);
    });
}

/** Returns the text for an account: `Ada <ada@example.com>, admin`. */
export function personText({ name, email, role }: Pick<Me, 'name' | 'email' | 'role'>): string {
  return toSafeLine(`${name === '' ? 'unnamed account' : name}${email === undefined ? '' : ` <${email}>`}, ${role}`);
}

async function givenKey(io: Io, url: string): Promise<string> {
  warnOfPlainHttp(io, url);
  const key = await readSecret(io, 'API key (hidden): ');
  const kind = tokenKind(key);
  if (kind === 'user') return key;
  const what =
    kind === 'runner'
      ? 'This is a runner token, which cannot sign in. Set it as PIZZAPI_RUNNER_TOKEN for a runner'
      : key === ''
        ? 'stdin contains no key'
        : 'This is not an API key: keys begin with pzk_ and have 42 characters. Copy the whole key';
  throw new Failure(errorInfo('bad_option', what), EXIT.usage);
}

async function requestKey(io: Io, url: string, { name, browser, qr }: LoginFlags): Promise<string> {
  const key = await askForKey(io, { url, kind: 'user', name: name ?? thisMachine(), browse: browser, qr });
  return key.token;
}

/** Returns `ada@laptop`, shortened to the maximum length of a name. */
function thisMachine(): string {
  return `${userName()}@${hostname()}`.slice(0, 80);
}

/** Returns the name of the user, or the number of one that has no name, as in a container. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user-${process.geteuid?.() ?? 'unknown'}`;
  }
}
