import { OPTIONS, OWN_SECRETS, qrRows, readOptions, sleep } from '@pizzapi/process';
import { openSession, type Api } from '@pizzapi/session-client';
import { programUrl, type Presence, type ShareMode } from '@pizzapi/protocol';
import type { ShareAccess, ShareEnvironment, ShareLink } from './sharing.js';
import { expiry } from './formatTime.js';
import { gatewayOf, keyFor, pageAt } from './gateway.js';
import { hostAccess } from './hostAccess.js';
import { gatewayApi, OUTBOUND } from './outbound.js';

/** How long a gateway may take to list a new session, in ms, and the interval of the requests. */
const APPEARS_MS = 15_000;
const ASK_EVERY_MS = 250;

/** Removes our secrets from the environment of this process, so that programs of the agent cannot read them. Read them before. */
export function removeSecrets(): void {
  for (const name of OWN_SECRETS) delete process.env[name];
}

/** How a terminal shares with the gateway and the keys that its home and environment name. */
export function shareEnvironment(env: NodeJS.ProcessEnv, version: string): ShareEnvironment {
  const { home } = readOptions({ home: OPTIONS.home }, {}, env);
  const ownersApi = (relayUrl: string, sid: string) => {
    const page = pageAt(home, relayUrl).replace(/\/+$/, '');
    const gateway = programUrl(page);
    const token = keyFor(gateway, {}, env);
    const api = token === undefined ? undefined : gatewayApi({ url: gateway, token });
    return { url: `${page}/s/${sid}`, gateway, token, api };
  };
  return {
    ...{ home, version },
    access: () => accessOf(env),
    makeLink: async (relayUrl, sid, mode) => {
      const { url, api } = ownersApi(relayUrl, sid);
      if (api !== undefined) return makeLink(api, url, sid, mode);
      return { kind: 'ownerOnly', url, why: 'To create share links, sign in first: pizzapi login' };
    },
    revokeLinks: async (relayUrl, sid) => {
      const reply = await ownersApi(relayUrl, sid).api?.revokeShares(sid);
      if (reply?.kind === 'failed') throw new Error(reply.error.message);
    },
    qr: qrRows,
    watchViewers: (relayUrl, sid, onViewers) => {
      const { gateway, token } = ownersApi(relayUrl, sid);
      return token === undefined ? () => undefined : watchViewers(gateway, token, sid, onViewers);
    },
  };
}

function accessOf(env: NodeJS.ProcessEnv): ShareAccess {
  const found = hostAccess(env);
  if (found === undefined) {
    const what =
      'No gateway is configured. Run `pizzapi local` for one on this machine, or `pizzapi runner pair --relay-url <address>`';
    return { kind: 'none', error: { code: 'runner_token_missing', message: `${what} for another one.` } };
  }
  const { token, natsUrl, relayUrl, name } = found;
  return { kind: 'found', access: { token, natsUrl, name }, relayUrl: relayUrl ?? gatewayOf({}, { env }).url };
}

async function makeLink(api: Api, url: string, sid: string, mode: ShareMode): Promise<ShareLink> {
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
    await sleep(ASK_EVERY_MS);
  }
}

/** Reports who watches a session, over a connection of the owner. */
function watchViewers(url: string, token: string, sid: string, onViewers: (viewers: readonly Presence[]) => void) {
  const session = openSession({ url, token, sessionId: sid, tail: 1, ...OUTBOUND });
  const stop = session.subscribe(() => onViewers(session.viewers));
  return () => {
    stop();
    session.close();
  };
}
