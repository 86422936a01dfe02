import {
  ensureGatewaySecret,
  homeLayout,
  hostUrl,
  localToken,
  loginUrl,
  mintLinkToken,
  pageUrl,
  readNetworkOptions,
  type Logger,
  type OptionValues,
  type Service,
} from '@pizzapi/process';
import { storageLimitsOf } from '@pizzapi/backbone';
import type { RunnerPi } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { clearLocalState, openHome, runningLocal, writeLocalState, type LocalState } from './home.js';
import { guardDisk } from './diskGuard.js';
import { startNatsServer } from './natsServer.js';
import { requireRoom, startStep } from './startStep.js';
import type { LOCAL_OPTIONS } from './options.js';
import { findPhoneAddress, type PhoneAddress } from './phone.js';
import { claimPort } from './ports.js';
import { findRunnerPi } from './runnerPi.js';
import { createProcesses } from './processes.js';
import { isOk, onlineRunners, untilReady } from './readiness.js';

/** Time limit until all processes are ready. */
const READY_TIMEOUT_MS = 60_000;
/** Time limit for a folder, which may be on a network. */
const OPEN_MS = 20_000;

/** The addresses of a local run. */
export interface LocalAddress {
  /** Address of the gateway for programs. The page can have another host name: that of `loginUrl`. */
  url: string;
  /** Link that signs the owner in, once. */
  loginUrl: string;
  natsUrl: string;
  home: string;
  /** Where a phone opens the page; missing when only this machine can. */
  phone?: PhoneAddress;
  /** The pi that its sessions run on; missing when its runner does not state it. */
  pi?: RunnerPi;
}

export interface Local extends Service {
  readonly address: LocalAddress;
  /** Returns the ids of the current processes by name. */
  pids(): Record<string, number | undefined>;
}

export type LocalStart = { kind: 'started'; local: Local } | { kind: 'already_running'; address: LocalAddress };

export interface LocalContext {
  log: Logger;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** Called with one line for each step, to show to the user. */
  progress: (text: string) => void;
}

/**
 * Starts nats-server, authenticator, projector, gateway and runner on this machine, each as a process that restarts when it
 * ends. Returns when the page can be opened and the runner is connected.
 */
export async function startLocal(
  options: OptionValues<typeof LOCAL_OPTIONS>,
  context: LocalContext,
): Promise<LocalStart> {
  readNetworkOptions(options);
  const isNew = !existsSync(homeLayout(options.home).natsAccessFile);
  const isRunning = (await runningLocal(homeLayout(options.home))) !== undefined;
  if (!isRunning) await requireRoom(options.home, isNew);
  const home = await startStep(`Opening the folder ${options.home}`, OPEN_MS, () => openHome(options.home));
  const secret = ensureGatewaySecret(home.root);
  const addressOf = async (state: Omit<LocalState, 'pid'>, gateway: string, since: number): Promise<LocalAddress> => {
    const { url, pageUrl: page, natsUrl } = state;
    const token = localToken(secret);
    const [phone, pi] = await Promise.all([
      findPhoneAddress(gateway, token, secret),
      findRunnerPi(gateway, token, home.root, since),
    ]);
    return {
      ...{ url, loginUrl: loginUrl(page, mintLinkToken(secret, Date.now())), natsUrl, home: home.root },
      ...(phone === undefined ? {} : { phone }),
      ...(pi === undefined ? {} : { pi }),
    };
  };
  const running = await runningLocal(home);
  if (running !== undefined) return { kind: 'already_running', address: await addressOf(running, running.url, 0) };
  const startedAt = Date.now();

  const port = await claimPort(options.port, options.host);
  const here = hostUrl(options.host, port);
  const url = options.publicUrl ?? here;
  const natsServer = await startNatsServer(
    home,
    options.natsPort,
    storageLimitsOf(options),
    options.partitions,
    context.log,
    context.progress,
  );
  const processes = createProcesses({ home, natsServer, options, port, ...context });
  const runs = processes.map((supervised) => supervised.run());
  const stopping = new AbortController();
  const guard = guardDisk({
    ...{ folder: home.nats, log: context.log, signal: stopping.signal },
    restart: () => natsServer.restart(),
  });
  const stop = async () => {
    stopping.abort();
    await guard;
    // The order is: the writers of the log, its readers, nats-server.
    for (const supervised of processes.toReversed()) await supervised.stop();
    await Promise.all(runs);
    await natsServer.stop();
    await clearLocalState(home);
  };
  try {
    context.progress('starting authenticator, projector, gateway and runner');
    const missing = () => missingPart(here, localToken(secret));
    await untilReady({ missing, processes, timeoutMs: READY_TIMEOUT_MS, signal: context.signal, home });
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  const state: LocalState = {
    ...{ pid: process.pid, url, pageUrl: pageUrl(options.publicUrl, options.host, port) },
    natsUrl: natsServer.url,
  };
  await writeLocalState(home, state);
  const local: Local = {
    name: 'local',
    address: await addressOf(state, here, startedAt),
    pids: () => ({
      'nats-server': natsServer.pid(),
      ...Object.fromEntries(processes.map(({ name, pid }) => [name, pid])),
    }),
    run: () => Promise.all(runs).then(() => undefined),
    drain: () => Promise.resolve(),
    stop,
  };
  return { kind: 'started', local };
}

/** The part of a local run that is not ready. */
async function missingPart(url: string, token: string): Promise<string | undefined> {
  if (!(await isOk(`${url}/readyz`))) return 'The gateway';
  return (await onlineRunners(url, token)) > 0 ? undefined : 'The runner';
}
