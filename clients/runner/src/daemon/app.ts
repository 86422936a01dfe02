import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { holdLease, openLedger } from '@pizzapi/backbone';
import {
  createMetrics,
  exportBackboneMetrics,
  packageVersion,
  type Logger,
  type Metrics,
  type Service,
} from '@pizzapi/process';
import { CodedError, type ErrorInfo } from '@pizzapi/protocol';
import { bundledPi, describeInstallation, processHost, type PiInstallation } from '../installation/index.js';
import { makeRunnerHome, runnerHome } from '../home.js';
import type { RunnerOptions } from '../options.js';
import { RunnerEventPublisher } from './runnerEventPublisher.js';
import { connectForSuspendedSessions, connectRunner, requireToken, warnWhenRefused } from './connections.js';
import { CommandDispatcher } from './commandDispatcher.js';
import { daemonCommands } from './daemonCommands.js';
import { EndedSessions } from './endedSessions.js';
import { SessionHosts } from './hosts.js';
import { loadIdentity, type RunnerIdentity } from './identity.js';
import { SuspendedSessionsConnection } from './suspendedSessionsConnection.js';
import { RunnerLifecycle } from './runnerLifecycle.js';
import { lockHome } from './lock.js';
import { createRunnerMetrics, exportSessionMetrics, type RunnerMetrics } from './metrics.js';
import { ModelCatalog } from './models.js';
import { SessionRecords } from './records.js';
import { resolveRoots } from './roots.js';
import { serveRunner } from './rpc.js';
import { WorkerPool } from './workers.js';

/** How long a runner of the same home that is stopping is waited for, in ms. */
const PREDECESSOR_MS = 10_000;
/** Output files of workers that are kept; the oldest go at the start of a runner. */
const KEPT_LOGS = 200;

export interface RunnerDeps {
  options: RunnerOptions;
  log: Logger;
  signal: AbortSignal;
  /** The file of the program `workerMain.js`. */
  workerMain: string;
  /** The pi that sessions run on; the bundled one when left out. */
  pi?: PiInstallation;
  /** What the owner of the runner is to know about that choice. */
  piWarnings?: readonly ErrorInfo[];
  /** After so much quiet a session sleeps, in ms; the option when left out. */
  idleMs?: number;
  /** Environment of the workers; this process's own when left out. */
  env?: NodeJS.ProcessEnv;
  /** What it counts is in here; a set of its own when left out. */
  metrics?: Metrics;
}

export interface Runner extends Service {
  readonly identity: RunnerIdentity;
  readonly roots: readonly string[];
  readonly hosts: SessionHosts;
  /** Whether commands can reach it. */
  ready(): boolean;
}

/**
 * Makes a runner: connected, its sessions found again, its first command not yet read. Throws `store_in_use` when
 * another runs with the same home, `runner_token_missing`, `runner_refused`, `cwd_not_found` for a root and so on.
 */
export async function createRunner(deps: RunnerDeps): Promise<Runner> {
  const { metrics: registry = createMetrics() } = deps;
  const metrics = createRunnerMetrics(registry);
  let life = await begin(deps, metrics);
  exportBackboneMetrics(registry, () => life.counters);
  exportSessionMetrics(registry, runnerHome(deps.options.home), () => life.hosts.all);
  return {
    name: 'runner',
    get identity() {
      return life.identity;
    },
    get roots() {
      return life.roots;
    },
    get hosts() {
      return life.hosts;
    },
    ready: () => life.isConnected,
    async run() {
      // A restart is a new life in the same process: everything is read, found and connected again.
      while ((await life.run()) === 'restart') {
        await life.detach();
        life = await begin(deps, metrics);
      }
    },
    drain: () => life.drain(),
    stop: () => life.stop(),
  };
}

async function begin(deps: RunnerDeps, metrics: RunnerMetrics): Promise<RunnerLifecycle> {
  const { options, log, signal, env = process.env, pi = bundledPi(processHost()) } = deps;
  const home = runnerHome(options.home);
  const roots = await resolveRoots(options.roots ?? []);
  const token = requireToken(options);
  await makeRunnerHome(home);
  const release = await lockHome(home.lock, PREDECESSOR_MS);
  const unlock = async () => {
    // Left alone while a worker listens in it.
    await rmdir(home.sockets).catch(() => undefined);
    await release();
  };
  try {
    const identity = await loadIdentity(home.identity);
    const { runnerId } = identity;
    const host = { natsUrl: options.natsUrl, identity, token, log, signal };
    const backbone = await connectRunner(host);
    warnWhenRefused(backbone, host);
    const suspendedConnection = new SuspendedSessionsConnection(() => connectForSuspendedSessions(host));
    await pruneLogs(home.logs);
    const epoch = Date.now();
    const held = await holdLease(backbone, `runner.${runnerId}`, { epoch });
    if (held.kind === 'taken')
      throw new CodedError('store_in_use', `Another process already runs the runner ${runnerId}`);
    const agentDir = options.agentDir ?? join(homedir(), '.pi', 'agent');
    const models = new ModelCatalog(agentDir);
    await models.refresh();
    const publisher = new RunnerEventPublisher(backbone, runnerId, home, log);
    const version = packageVersion(import.meta.url);
    const name = options.name ?? hostname();
    const { maxSessions } = options;
    publisher.publish({
      type: 'runner_started',
      ...{
        name,
        kind: 'daemon',
        version,
        piVersion: pi.version,
        pi: describeInstallation(pi),
        platform: process.platform,
        roots,
        maxSessions,
        epoch,
        ...(options.human === 'off' ? {} : { approvals: options.approvals }),
      },
      models: models.current.models.filter((model) => model.available),
      defaultModel: models.current.defaultModel,
    });
    const pool = new WorkerPool(
      { main: deps.workerMain, sockets: home.sockets, logs: home.logs, env: workerEnvironment(env, options) },
      log,
    );
    const access = { backbone, suspendedConnection, home, runnerId, log };
    const ended = new EndedSessions(access, new SessionRecords(home.ended));
    await ended.prune();
    const ledger = openLedger(home.ledger);
    const hosts = new SessionHosts({
      deps: {
        passOn: (commandId) => ledger.passOn(commandId),
        ...{ ...access, ended, pool, publisher, metrics, agentDir: options.agentDir },
        records: new SessionRecords(home.sessions),
        idleMs: deps.idleMs ?? options.idleMinutes * 60_000,
        openMs: options.openSeconds * 1_000,
        continuesInterrupted: options.interrupted === 'continue',
        piVersion: pi.version,
      },
      models,
      roots,
      sessionFolders: [join(agentDir, 'sessions')],
      maxSessions,
    });
    let end: (how: 'restart' | 'shutdown') => void = () => undefined;
    const asked = new Promise<'restart' | 'shutdown'>((resolve) => (end = resolve));
    const dispatcher = new CommandDispatcher({
      ...{ ledger, publisher, log },
      handlers: daemonCommands(hosts, (how) => end(how)),
      onFinished: (outcome) => metrics.commands.inc({ outcome: outcome.ok ? 'ok' : outcome.error.code }),
    });
    const facts = { name, version, piVersion: pi.version, startedAt: epoch, maxSessions };
    const stopRpc = serveRunner({ backbone, runnerId, facts, roots, hosts, models });
    const { lease } = held;
    const parts = {
      backbone,
      suspendedConnection,
      ledger,
      lease,
      publisher,
      pool,
      hosts,
      dispatcher,
      models,
      stopRpc,
      unlock,
    };
    for (const warning of deps.piWarnings ?? []) publisher.publish({ type: 'runner_warning', ...warning });
    log.info(
      {
        runnerId,
        name,
        roots,
        home: home.root,
        defaultModel: models.current.defaultModel,
        pi: describeInstallation(pi),
      },
      'runner started',
    );
    return new RunnerLifecycle(identity, roots, parts, asked, log);
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Secrets of ours: no worker needs one, and what a model has written could read them there. */
const SECRETS = ['PIZZAPI_RUNNER_TOKEN', 'PIZZAPI_API_KEY', 'PIZZAPI_NATS_USER', 'PIZZAPI_NATS_PASSWORD'];

/** The environment of a worker: that of the person, where NATS is, and nothing to sign in with. */
function workerEnvironment(env: NodeJS.ProcessEnv, options: RunnerOptions): NodeJS.ProcessEnv {
  const { natsUrl, logLevel, agentDir, human, approvals, interrupted, linkWaitSeconds } = options;
  const kept = Object.entries(env).filter(([name]) => !SECRETS.includes(name));
  return {
    ...Object.fromEntries(kept),
    PIZZAPI_NATS_URL: natsUrl,
    PIZZAPI_LOG_LEVEL: logLevel,
    PIZZAPI_HUMAN: human,
    PIZZAPI_APPROVALS: approvals,
    PIZZAPI_INTERRUPTED: interrupted,
    PIZZAPI_LINK_WAIT_SECONDS: String(linkWaitSeconds),
    ...(agentDir === undefined ? {} : { PI_CODING_AGENT_DIR: agentDir }),
  };
}

async function pruneLogs(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= KEPT_LOGS) return;
  const dated = await Promise.all(names.map(async (name) => [(await stat(join(folder, name))).mtimeMs, name] as const));
  dated.sort(([a], [b]) => b - a);
  for (const [, name] of dated.slice(KEPT_LOGS)) await rm(join(folder, name), { force: true });
}
