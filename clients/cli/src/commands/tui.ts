import { OPTIONS, qrRows, readOptions } from '@pizzapi/process';
import { createApi, openSession, type Api } from '@pizzapi/session-client';
import { errorInfo, visibleText, type ErrorInfo, type Presence, type ShareMode } from '@pizzapi/protocol';
import WebSocket from 'ws';
import type { ShareAccess, ShareLink } from '@pizzapi/runner/tui';
import { gatewayOf, pageAt } from '../home.js';
import { EXIT, line, type Io } from '../io.js';
import { parseSessionLink } from '../sessionLink.js';
import { refOfLink, type SessionRef } from '../sessionRef.js';
import { expiry } from '../formatTime.js';
import { hostAccess } from './localAndRunner.js';

/** How long a gateway may take to list a new session, in ms, and the interval of the requests. */
const APPEARS_MS = 15_000;
const ASK_EVERY_MS = 250;

/**
 * Our secrets. They are removed from the environment, so that programs of the agent cannot read them. This program
 * reads them before.
 */
const SECRETS = ['RUNNER_TOKEN', 'API_KEY', 'NATS_USER', 'NATS_PASSWORD', 'NATS_NKEY'].map((name) => `PIZZAPI_${name}`);

/**
 * Returns the arguments of pi, or undefined when the arguments are a command of pizzapi. pi gets an empty command line,
 * pi's flags, a file (`@notes.md`), an input of several words, and everything after a `--`.
 */
export function piArguments(argv: readonly string[]): string[] | undefined {
  const [first] = argv;
  if (first === undefined) return [];
  if (first === '--') return argv.slice(1);
  if (['-h', '--help', '-V', '--version'].includes(first)) return undefined;
  return /^[-@]|\s/.test(first) ? [...argv] : undefined;
}

/** The command line of pi in this terminal. */
export interface TerminalArguments {
  args: string[];
  /** The value of our own flag `--pi`, which can stand anywhere before a `--`. `''`: its value is missing. */
  pi?: string;
}

/** Returns the command line of pi without our own flag, or undefined when the arguments are a command of pizzapi. */
export function terminalArguments(argv: readonly string[]): TerminalArguments | undefined {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.slice(0, end).findIndex((word) => word === '--pi' || word.startsWith('--pi='));
  const given = argv[at]?.startsWith('--pi=') === true ? 1 : 2;
  const args = piArguments(at < 0 ? argv : [...argv.slice(0, at), ...argv.slice(Math.min(at + given, end))]);
  if (args === undefined) return undefined;
  if (at < 0) return { args };
  const pi = given === 1 ? argv[at]!.slice('--pi='.length) : at + 1 < end ? argv[at + 1]! : '';
  return { args, pi: pi.startsWith('-') ? '' : pi };
}

/** Runs pi with `/share` in this process. pi ends the process; when pi only returns, the exit code is pi's. */
export async function becomeTui({ args, pi }: TerminalArguments, io: Io, version: string): Promise<number> {
  const env = { ...io.env };
  const problem = await piProblem(pi, env);
  if (problem !== undefined) {
    line(io.stderr, `${problem.code}: ${visibleText(problem.message)}`);
    return problem.code === 'bad_option' ? EXIT.usage : EXIT.failed;
  }
  const world = { ...io, env };
  for (const name of SECRETS) delete process.env[name];
  // The version of pi is fixed here, so pi must not offer an update.
  process.env['PI_SKIP_VERSION_CHECK'] ??= '1';
  const { home } = readOptions({ home: OPTIONS.home }, {}, env);
  const { runTui } = await import('@pizzapi/runner/tui');
  await runTui({
    ...{ args, env, home, version },
    access: () => accessOf(world),
    makeLink: (relayUrl, sid, mode) => makeLink(world, relayUrl, sid, mode),
    revokeLinks: async (relayUrl, sid) => {
      const { api } = ownersApi(world, relayUrl, sid);
      const reply = await api?.revokeShares(sid);
      if (reply?.kind === 'failed') throw new Error(reply.error.message);
    },
    qr: qrRows,
    watchViewers: (relayUrl, sid, onViewers) => watchViewers(world, relayUrl, sid, onViewers),
  });
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}

/** Returns what is wrong with the pi that the person has named. */
async function piProblem(pi: string | undefined, env: NodeJS.ProcessEnv): Promise<ErrorInfo | undefined> {
  if (pi === '') return errorInfo('bad_option', '--pi needs a value: a path, or bundled');
  if (pi !== undefined) env['PIZZAPI_PI'] = pi;
  if (!env['PIZZAPI_PI']) return undefined;
  const { findPi } = await import('@pizzapi/runner/installation');
  const search = await findPi({}, env);
  return search.kind === 'failed' ? search.error : undefined;
}

function accessOf(io: Io): ShareAccess {
  const found = hostAccess(io.env);
  if (found === undefined) {
    const what =
      'No gateway is configured. Run `pizzapi local` for one on this machine, or `pizzapi runner pair --relay-url <address>`';
    return { kind: 'none', error: { code: 'runner_token_missing', message: `${what} for another one.` } };
  }
  const { token, natsUrl, relayUrl, name } = found;
  return { kind: 'found', access: { token, natsUrl, name }, relayUrl: relayUrl ?? gatewayOf({}, io).url };
}

/** Returns the API with the owner's credential, when one is available. */
function ownersApi(io: Io, relayUrl: string, sid: string): { url: string; ref: SessionRef; api: Api | undefined } {
  const { home } = readOptions({ home: OPTIONS.home }, {}, io.env);
  const url = `${pageAt(home, relayUrl).replace(/\/+$/, '')}/s/${sid}`;
  const ref = refOfLink(parseSessionLink(url) ?? { relayUrl, sid, token: undefined }, {}, io);
  const { token } = ref;
  return { url, ref, api: token === undefined ? undefined : createApi({ url: ref.url, token }) };
}

async function makeLink(io: Io, relayUrl: string, sid: string, mode: ShareMode): Promise<ShareLink> {
  const { url, api } = ownersApi(io, relayUrl, sid);
  if (api === undefined) {
    return { kind: 'ownerOnly', url, why: 'To create share links, sign in first: pizzapi login' };
  }
  for (const until = Date.now() + APPEARS_MS; ;) {
    const made = await api.createShare(sid, { mode });
    if (made.kind === 'ok') {
      const { shareUrl, expiresAt, shortUrl = shareUrl, scanUrl = shareUrl, scanUntil = expiresAt } = made.value;
      // The short address works as long as the link. A gateway of an earlier version has one for an hour only.
      const hasShort = made.value.shortUrl !== undefined;
      return {
        kind: 'made',
        url: shortUrl,
        until: expiry(expiresAt, Date.now()),
        scan: hasShort ? { url: shortUrl, until: expiresAt } : { url: scanUrl, until: scanUntil },
      };
    }
    // The gateway learns of the session from its log, as every reader does.
    if (made.error.code !== 'session_not_found' || Date.now() >= until) {
      return { kind: 'ownerOnly', url, why: `No share link was created: ${made.error.message}` };
    }
    await io.sleep(ASK_EVERY_MS, new AbortController().signal);
  }
}

/** Reports who watches a session, over a connection of the owner. Reports nothing without a credential of the owner. */
function watchViewers(io: Io, relayUrl: string, sid: string, onViewers: (viewers: readonly Presence[]) => void) {
  const { ref } = ownersApi(io, relayUrl, sid);
  if (ref.token === undefined) return () => undefined;
  const session = openSession({ url: ref.url, token: ref.token, sessionId: sid, tail: 1, WebSocket });
  const stop = session.subscribe(() => onViewers(session.viewers));
  return () => {
    stop();
    session.close();
  };
}
