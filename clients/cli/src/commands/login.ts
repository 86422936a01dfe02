import type { Command } from 'commander';
import { hostname, userInfo } from 'node:os';
import { addOptions, homeLayout, tokenKind } from '@pizzapi/process';
import { errorInfo, type Me } from '@pizzapi/protocol';
import { createApi } from '@pizzapi/session-client';
import { unwrapResult } from '../unwrapResult.js';
import { askForKey, warnOfPlainHttp } from '../askForKey.js';
import { examples, type CliContext } from '../context.js';
import { GATEWAY_OPTIONS, gatewayOf } from '../home.js';
import { EXIT, Failure, line, toSafeLine, type Io } from '../io.js';
import { rememberLogin } from '../logins.js';
import { readSecret } from '../secretInput.js';

interface LoginFlags extends Record<string, unknown> {
  key?: true;
  name?: string;
  browser: boolean;
  qr: boolean;
}

export function addLogin(program: Command, { io }: CliContext): void {
  addOptions(program.command('login'), GATEWAY_OPTIONS)
    .description('Sign in to a gateway, so that the other commands speak for you there')
    .option('--key', 'Take an API key (pzk_…) from stdin instead of asking for one in the browser')
    .option('--name <name>', 'What the new key is called in your list of keys (default: this machine)')
    .option('--no-browser', 'Do not open the page here')
    .option('--no-qr', 'Do not show a QR code')
    .addHelpText(
      'after',
      `${examples(
        'pizzapi login --relay-url https://relay.example.com',
        'pizzapi login --relay-url https://relay.example.com --key < key.txt',
      )}

The key is kept in <home>/login.json, which you alone can read. PIZZAPI_API_KEY goes before it.`,
    )
    .action(async (flags: LoginFlags) => {
      const { home, url } = gatewayOf(flags, io);
      const apiKey = flags.key === true ? await givenKey(io, url) : await askedKey(io, url, flags);
      const api = createApi({ url, token: apiKey });
      const me = await unwrapResult({ url, token: apiKey, api }, api.me());
      rememberLogin(home, url, apiKey);
      line(io.stdout, `Signed in at ${url} as ${personText(me)}.`);
      line(io.stderr, `The key is kept in ${homeLayout(home).loginFile}; \`pizzapi logout\` revokes it.`);
    });
}

/** A name for a person: `Ada <ada@example.com>, admin`. */
export function personText({ name, email, role }: Pick<Me, 'name' | 'email' | 'role'>): string {
  return toSafeLine(`${name === '' ? 'somebody' : name}${email === undefined ? '' : ` <${email}>`}, ${role}`);
}

async function givenKey(io: Io, url: string): Promise<string> {
  warnOfPlainHttp(io, url);
  const key = await readSecret(io, 'API key (it is not shown): ');
  const kind = tokenKind(key);
  if (kind === 'user') return key;
  const what =
    kind === 'runner'
      ? 'This is the token of a runner, which signs nobody in. A runner takes it in PIZZAPI_RUNNER_TOKEN'
      : key === ''
        ? 'There was no key on stdin'
        : 'This is no API key: one begins with pzk_ and has 42 characters. Copy it again, whole';
  throw new Failure(errorInfo('bad_option', what), EXIT.usage);
}

async function askedKey(io: Io, url: string, { name, browser, qr }: LoginFlags): Promise<string> {
  const key = await askForKey(io, { url, kind: 'user', name: name ?? thisMachine(), browse: browser, qr });
  return key.token;
}

/** `ada@laptop`, cut to what a name may have. */
function thisMachine(): string {
  return `${userInfo().username}@${hostname()}`.slice(0, 80);
}
