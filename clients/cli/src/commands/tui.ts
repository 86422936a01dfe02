import { OPTIONS, readOptions } from '@pizzapi/process';
import { createApi, type Api } from '@pizzapi/session-client';
import type { ShareMode } from '@pizzapi/protocol';
import type { ShareAccess, ShareLink } from '@pizzapi/runner/tui';
import { gatewayOf, pageAt } from '../home.js';
import type { Io } from '../io.js';
import { resolveSessionRef } from '../sessionRef.js';
import { qrRows } from '../qr.js';
import { expiry } from '../formatTime.js';
import { hostAccess } from './localAndRunner.js';

/** How long a gateway may take to hear of a session that has just begun, in ms, and how often it is asked. */
const APPEARS_MS = 15_000;
const ASK_EVERY_MS = 250;

/** Secrets of ours. What the agent runs finds them in no environment; whatever needs them has read them before. */
const SECRETS = ['RUNNER_TOKEN', 'API_KEY', 'NATS_USER', 'NATS_PASSWORD', 'NATS_NKEY'].map((name) => `PIZZAPI_${name}`);

/**
 * What pi is to be started with, or undefined when the words are for a command of ours: nothing at all, pi's flags, a
 * file (`@notes.md`), a prompt of several words, and whatever follows a `--`.
 */
export function piArguments(argv: readonly string[]): string[] | undefined {
  const [first] = argv;
  if (first === undefined) return [];
  if (first === '--') return argv.slice(1);
  if (['-h', '--help', '-V', '--version'].includes(first)) return undefined;
  return /^[-@]|\s/.test(first) ? [...argv] : undefined;
}

/** Becomes pi, with `/share`. pi ends the process; where it only returns, the exit code is its own. */
export async function becomeTui(args: readonly string[], io: Io, version: string): Promise<number> {
  const env = { ...io.env };
  const world = { ...io, env };
  for (const name of SECRETS) delete process.env[name];
  // Which version of pi this is, is not the person's to change here.
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
  });
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}

function accessOf(io: Io): ShareAccess {
  const found = hostAccess(io.env);
  if (found === undefined) {
    const what =
      'No gateway is configured. Run `pizzapi local` for one on this machine, or `pizzapi runner pair --relay-url <address>`';
    return { kind: 'none', error: { code: 'runner_token_missing', message: `${what} for another one.` } };
  }
  const { token, natsUrl, relayUrl } = found;
  return { kind: 'found', access: { token, natsUrl }, relayUrl: relayUrl ?? gatewayOf({}, io).url };
}

/** What speaks for the owner at the gateway, if anything is at hand. */
function ownersApi(io: Io, relayUrl: string, sid: string): { url: string; api: Api | undefined } {
  const { home } = readOptions({ home: OPTIONS.home }, {}, io.env);
  const url = `${pageAt(home, relayUrl).replace(/\/+$/, '')}/s/${sid}`;
  const place = resolveSessionRef(url, {}, io);
  const { token } = place;
  return { url, api: token === undefined ? undefined : createApi({ url: place.url, token }) };
}

async function makeLink(io: Io, relayUrl: string, sid: string, mode: ShareMode): Promise<ShareLink> {
  const { url, api } = ownersApi(io, relayUrl, sid);
  if (api === undefined) {
    return { kind: 'ownerOnly', url, why: 'To create share links, sign in first: pizzapi login' };
  }
  for (const until = Date.now() + APPEARS_MS; ;) {
    const made = await api.createShare(sid, { mode });
    if (made.kind === 'ok') {
      const { shareUrl, expiresAt, scanUrl = shareUrl, scanUntil = expiresAt } = made.value;
      return {
        kind: 'made',
        url: shareUrl,
        until: expiry(expiresAt, Date.now()),
        scan: { url: scanUrl, until: scanUntil },
      };
    }
    // The gateway reads of it in the log, as everybody does.
    if (made.error.code !== 'session_not_found' || Date.now() >= until) {
      return { kind: 'ownerOnly', url, why: `No share link was created: ${made.error.message}` };
    }
    await io.sleep(ASK_EVERY_MS, new AbortController().signal);
  }
}
