import {
  ensureGatewaySecret,
  hostUrl,
  localToken,
  loginUrl,
  mintLinkToken,
  pageUrl,
  type Logger,
  type OptionValues,
  type Service,
} from '@pizzapi/process';
import type { ProvisionOptions } from '@pizzapi/backbone';
import { CodedError } from '@pizzapi/protocol';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBackbone } from './backbone.js';
import type { Child } from './child.js';
import { describeChildren } from './children.js';
import { clearLocalState, openHome, runningLocal, writeLocalState, type Home, type LocalState } from './home.js';
import type { LOCAL_OPTIONS } from './options.js';
import { claimPort } from './ports.js';

/** How long the processes may take to become ready, all together. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 100;

/** What a person or a script needs to use a local run. */
export interface LocalAddress {
  /** Where programs reach the gateway. The page may have another name: that of `loginUrl`. */
  url: string;
  /** Signs the owner in, once. */
  loginUrl: string;
  natsUrl: string;
  home: string;
}

export interface Local extends Service {
  readonly address: LocalAddress;
  /** Process ids of what runs now, by name. */
  pids(): Record<string, number | undefined>;
}

export type LocalStart = { kind: 'started'; local: Local } | { kind: 'already_running'; address: LocalAddress };

export interface LocalContext {
  log: Logger;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** Called with each step, in words. */
  say: (text: string) => void;
}

/**
 * Everything on one machine: nats-server, authenticator, projector, gateway, runner, each a process that is started again
 * when it ends. Returns when the page can be opened and the runner is there.
 */
export async function startLocal(
  options: OptionValues<typeof LOCAL_OPTIONS>,
  context: LocalContext,
): Promise<LocalStart> {
  const home = await openHome(options.home);
  const secret = ensureGatewaySecret(home.root);
  const addressOf = ({ url, pageUrl: page, natsUrl }: Omit<LocalState, 'pid'>): LocalAddress => ({
    url,
    loginUrl: loginUrl(page, mintLinkToken(secret, Date.now())),
    natsUrl,
    home: home.root,
  });
  const running = await runningLocal(home);
  if (running !== undefined) return { kind: 'already_running', address: addressOf(running) };

  const port = await claimPort(options.port, options.host);
  const here = hostUrl(options.host, port);
  const url = options.publicUrl ?? here;
  const backbone = await startBackbone(home, options.natsPort, storageOf(options), context.log, context.say);
  const children = describeChildren({ home, backbone, options, port, ...context });
  const runs = children.map((child) => child.run());
  const stop = async () => {
    // First who writes to the log, then who reads it, then the log.
    for (const child of children.toReversed()) await child.stop();
    await Promise.all(runs);
    await backbone.stop();
    await clearLocalState(home);
  };
  try {
    context.say('starting authenticator, projector, gateway and runner');
    await untilReady(here, localToken(secret), children, context.signal, home);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const state: LocalState = {
    ...{ pid: process.pid, url, pageUrl: pageUrl(options.publicUrl, options.host, port) },
    natsUrl: backbone.url,
  };
  await writeLocalState(home, state);
  const local: Local = {
    name: 'local',
    address: addressOf(state),
    pids: () => ({
      'nats-server': backbone.pid(),
      ...Object.fromEntries(children.map((child) => [child.name, child.pid])),
    }),
    run: () => Promise.all(runs).then(() => undefined),
    drain: () => Promise.resolve(),
    stop,
  };
  return { kind: 'started', local };
}

/** How large streams may grow: what was not chosen stays as it is. */
function storageOf(options: OptionValues<typeof LOCAL_OPTIONS>): ProvisionOptions {
  // nats-server takes -1 for "without limit".
  const bytes = (chosen: number | undefined): number | undefined => (chosen === 0 ? -1 : chosen);
  return {
    maxBytes: bytes(options.logStorage),
    whenFull: options.logWhenFull,
    blobBytes: bytes(options.fileStorage),
    commandBytes: bytes(options.commandStorage),
    auditBytes: bytes(options.auditStorage),
    stateBytes: bytes(options.stateStorage),
  };
}

/** Ready is: the gateway says so, and it sees a runner. */
async function untilReady(
  url: string,
  token: string,
  children: readonly Child[],
  signal: AbortSignal,
  home: Home,
): Promise<void> {
  const until = Date.now() + READY_TIMEOUT_MS;
  while (!(await isReady(url, token))) {
    if (signal.aborted) throw new CodedError('start_stopped', 'Stopped before everything was ready');
    const failed = children.find((child) => child.lastExit !== undefined);
    if (failed !== undefined) {
      throw new CodedError(
        'start_failed',
        `${failed.name} ended while it started; see ${join(home.logs, `${failed.name}.log`)}`,
      );
    }
    if (Date.now() > until)
      throw new CodedError('start_failed', `Not ready after ${READY_TIMEOUT_MS / 1000} s; see ${home.logs}`);
    await delay(READY_POLL_MS);
  }
}

async function isReady(url: string, token: string): Promise<boolean> {
  try {
    const init = { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(2_000) };
    if (!(await fetch(`${url}/readyz`, init)).ok) return false;
    const reply = await fetch(`${url}/api/runners`, init);
    if (!reply.ok) return false;
    const { runners } = (await reply.json()) as { runners: { online?: boolean }[] };
    return runners.some((runner) => runner.online === true);
  } catch {
    return false;
  }
}
