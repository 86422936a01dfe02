import {
  claimPort,
  clearLocalState,
  openHome,
  readNatsAccess,
  requireRoom,
  runningLocal,
  startStep,
  writeLocalState,
  writeNatsAccess,
} from '@pizzapi/local';
import { parseNatsAccess, readPrivateFile } from '@pizzapi/process';
import {
  ensureGatewaySecret,
  homeLayout,
  localToken,
  loginUrl,
  mintLinkToken,
  type Logger,
  type OptionValues,
  type Service,
} from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { findFreePorts } from '@pizzapi/nats-server';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsNodes, type NatsNodes } from './natsNodes.js';
import type { CLUSTER_OPTIONS } from './options.js';
import {
  balancerUrl,
  createClusterProcesses,
  createProvisioning,
  HEALTH_PORTS,
  type ClusterPorts,
} from './processes.js';
import { untilClusterReady } from './readiness.js';
import { writeClusterState, type ClusterState } from './state.js';

/** Time limits of the steps of the start, in ms. */
const OPEN_MS = 20_000;
const PROVISION_MS = 120_000;
const GATEWAYS = 2;

/** What `npm run cluster -- --json` prints. */
export interface ClusterAddress extends Pick<ClusterState, 'url' | 'natsUrls' | 'gateways' | 'pids'> {
  /** Link that signs the owner in, once. */
  loginUrl: string;
}

export interface Cluster extends Service {
  /** The addresses, and the ids of the current processes. */
  readonly address: ClusterAddress;
  readonly home: string;
}

export interface ClusterContext {
  log: Logger;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** Called with one line for each step, to show to the user. */
  progress: (text: string) => void;
}

/**
 * Starts a distributed installation on this machine, each part as a process that restarts when it ends: three
 * nats-servers, two of each service, two runners and a load balancer. Returns when people can sign in at each gateway and
 * both runners are connected. Throws `store_in_use` when another run uses the home.
 */
export async function startCluster(
  options: OptionValues<typeof CLUSTER_OPTIONS>,
  context: ClusterContext,
): Promise<Cluster> {
  const root = options.home ?? (await mkdtemp(join(tmpdir(), 'pizzapi-cluster-')));
  const undo: (() => Promise<unknown>)[] = [];
  if (options.home === undefined)
    undo.push(() => rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    return await start(root, options, context, undo, stop);
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function start(
  root: string,
  options: OptionValues<typeof CLUSTER_OPTIONS>,
  { log, env, signal, progress }: ClusterContext,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Cluster> {
  await requireRoom(root, !existsSync(homeLayout(root).natsAccessFile));
  const home = await startStep(`Opening the folder ${root}`, OPEN_MS, () => openHome(root));
  if ((await runningLocal(home)) !== undefined)
    throw new CodedError('store_in_use', `PizzaPi runs already with the folder ${root}`);
  const secret = ensureGatewaySecret(home.root);
  const ports: ClusterPorts = {
    balancer: await claimPort(options.port, '127.0.0.1'),
    gateways: await claimPorts(GATEWAYS),
    health: await findFreePorts(HEALTH_PORTS),
  };
  const url = balancerUrl(ports.balancer);

  const state: ClusterState = {
    url,
    natsUrls: [],
    gateways: ports.gateways.map((port) => `http://127.0.0.1:${port}`),
    pids: {},
    health: {},
  };
  let isReady = false;
  const onStart = (name: string, pid: number) => {
    state.pids[name] = pid;
    if (isReady) writeClusterState(home.root, state);
  };

  const { partitions } = options;
  const { users, runnerToken } = await readNatsAccess(home);
  const nats = await startNatsNodes({ home, users, partitions, log, progress, onStart });
  undo.push(() => nats.stop());
  Object.assign(state, stateOf(nats));
  const natsUrl = state.natsUrls.join(',');
  const written = { url: natsUrl, users, runnerToken: runnerToken ?? '' };
  await writeNatsAccess(home, written);

  progress('provisioning the streams with 3 replicas');
  await provision({ home, access: written, gatewaySecret: secret, env, log, signal, partitions });
  const access = parseNatsAccess(await readPrivateFile(home.natsAccessFile));
  if (access === undefined) throw new CodedError('start_failed', `${home.natsAccessFile} is damaged`);

  progress('starting 2 authenticators, 2 projectors, 2 gateways, 2 runners and the load balancer');
  const webSocketUrl = nats.cluster.nodes.map((node) => node.webSocketUrl).join(',');
  const processes = createClusterProcesses({
    home,
    access,
    gatewaySecret: secret,
    webSocketUrl,
    partitions,
    ports,
    env,
    log,
    onStart,
  });
  for (const { supervised, health } of processes) if (health !== undefined) state.health[supervised.name] = health;
  const runs = processes.map(({ supervised }) => supervised.run());
  undo.push(async () => {
    for (const { supervised } of processes.toReversed()) await supervised.stop();
    await Promise.all(runs);
    await clearLocalState(home);
  });
  await untilClusterReady({ url, gateways: state.gateways, token: localToken(secret), processes, signal, home });

  await writeLocalState(home, { pid: process.pid, url, pageUrl: url, natsUrl });
  isReady = true;
  writeClusterState(home.root, state);
  return {
    name: 'cluster',
    home: home.root,
    get address() {
      const { natsUrls, gateways, pids } = state;
      const link = loginUrl(url, mintLinkToken(secret, Date.now()));
      return { url, loginUrl: link, natsUrls, gateways, pids: { ...pids } };
    },
    run: () => Promise.all(runs).then(() => undefined),
    drain: () => Promise.resolve(),
    stop,
  };
}

function stateOf({ cluster }: NatsNodes): Pick<ClusterState, 'natsUrls' | 'pids' | 'health'> {
  return {
    natsUrls: [...cluster.urls],
    pids: Object.fromEntries(cluster.nodes.map(({ name, pid }) => [name, pid])),
    health: Object.fromEntries(cluster.nodes.map(({ name, monitorUrl }) => [name, monitorUrl])),
  };
}

async function provision({
  signal,
  ...options
}: Parameters<typeof createProvisioning>[0] & { signal: AbortSignal }): Promise<void> {
  const { home } = options;
  const provisioning = createProvisioning(options);
  const stop = () => void provisioning.stop();
  signal.addEventListener('abort', stop);
  const { code } = await startStep('Provisioning', PROVISION_MS, () => provisioning.runToEnd());
  signal.removeEventListener('abort', stop);
  if (signal.aborted) throw new CodedError('start_stopped', 'The start was stopped before all processes were ready');
  if (code !== 0) throw new CodedError('start_failed', `Provisioning failed; see ${join(home.logs, 'provision.log')}`);
}

/** Returns free ports. Each is free at both loopback addresses, because gateways listen at both. */
async function claimPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await claimPort(0, '127.0.0.1'));
  return [...ports];
}
