import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { holdLease, openLedger } from '@pizzapi/backbone';
import {
  createMetrics,
  exportBackboneMetrics,
  exportBuildInfo,
  packageVersion,
  withLines,
  type Logger,
  type Metrics,
  type Service,
  type Tracing,
} from '@pizzapi/process';
import { CodedError, commonRights, rightsOf, spokenVersion, type ErrorInfo } from '@pizzapi/protocol';
import { bundledPi, describeInstallation, processHost, type PiInstallation } from '../installation/index.js';
import { readRunnerToken } from '../access/index.js';
import { makeRunnerHome, runnerHome } from '../home.js';
import { withoutSecrets, workerEnvironment } from '../workerEnvironment.js';
import type { RunnerOptions } from '../options.js';
import { RunnerEventPublisher } from './runnerEventPublisher.js';
import { connectForSuspendedSessions, connectRunner, requireToken, warnWhenRefused } from './connections.js';
import { CommandRunner } from './exec/commandRunner.js';
import { createGitParts } from './git/index.js';
import { openHostFiles } from './files/index.js';
import { CommandDispatcher } from './commandDispatcher.js';
import { CommandTraces } from './commandTraces.js';
import { daemonCommands } from './daemonCommands.js';
import { EndedSessions } from './endedSessions.js';
import { SessionHosts } from './hosts.js';
import { loadIdentity, type RunnerIdentity } from './identity.js';
import { SuspendedSessionsConnection } from './suspendedSessionsConnection.js';
import { RunnerLifecycle } from './runnerLifecycle.js';
import { lockHome } from './lock.js';
import { createRunnerMetrics, exportSessionMetrics, readLoad, type RunnerMetrics } from './metrics.js';
import { LogTail } from './logTail.js';
import { ModelCatalog } from './models.js';
import { PiChoice } from './piChoice.js';
import { SessionRecords } from './records.js';
import { requireSameWire } from './requireSameWire.js';
import { resolveRoots } from './roots.js';
import { serveRunner } from './rpc/index.js';
import { Terminals } from './terminals/terminals.js';
import { watchWarnings } from './warningWatch.js';
import { WorkerPool } from './workerPool.js';

/** How long a runner of the same home that is stopping is waited for, in ms. */
const PREDECESSOR_MS = 10_000;
/** How often the files of pi are looked at for another version, in ms. */
const PI_CHECK_MS = 15_000;
/** Output files of workers that are kept; the oldest go at the start of a runner. */
const KEPT_LOGS = 200;

export interface RunnerDeps {
  options: RunnerOptions;
  log: Logger;
  signal: AbortSignal;
  /** The file of the program `workerMain.js`. */
  workerMain: string;
  /** After so much quiet a session sleeps, in ms; the option when left out. */
  idleMs?: number;
  /** Environment of the workers; this process's own when left out. */
  env?: NodeJS.ProcessEnv;
  /** Looks for the pi that sessions run on; the bundled one when left out. The owner of the runner gets the warnings. */
  findPi?: () => Promise<{ installation: PiInstallation; warnings: readonly ErrorInfo[] }>;
  /** How often the files of pi are looked at, in ms. */
  piCheckMs?: number;
  /** What it counts is in here; a set of its own when left out. */
  metrics?: Metrics;
  /** Records no spans when left out. */
  tracing?: Tracing;
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
export async function createRunner(given: RunnerDeps): Promise<Runner> {
  const logTail = new LogTail();
  const log = withLines(given.log, { name: 'runner' }, (line) => logTail.add(line));
  const deps = { ...given, log };
  const { metrics: registry = createMetrics() } = deps;
  const metrics = createRunnerMetrics(registry);
  let life = await begin(deps, metrics, logTail);
  exportBackboneMetrics(
    registry,
    () => metrics.workers.total(life.counters),
    () => life.isConnected,
  );
  exportBuildInfo(registry, packageVersion(import.meta.url));
  exportSessionMetrics(registry, runnerHome(deps.options.home), () => life.hosts.all, metrics.workers);
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
        life = await begin(deps, metrics, logTail);
      }
    },
    drain: () => life.drain(),
    stop: () => life.stop(),
  };
}

async function begin(deps: RunnerDeps, metrics: RunnerMetrics, logTail: LogTail): Promise<RunnerLifecycle> {
  const { options, signal, env = process.env } = deps;
  let { log } = deps;
  const bundled = bundledPi(processHost());
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
  // A warning before the runner has registered is published after it.
  const early: ErrorInfo[] = [];
  let warn = (warning: ErrorInfo) => void early.push(warning);
  let pool: WorkerPool | undefined;
  try {
    const warned = new Set<string>();
    const findPi = async () => {
      const { installation, warnings } = (await deps.findPi?.()) ?? { installation: bundled, warnings: [] };
      // It is looked for again and again.
      for (const warning of warnings.filter(({ message }) => !warned.has(message))) {
        warned.add(warning.message);
        warn(warning);
      }
      return installation;
    };
    const pi = await PiChoice.create({
      find: findPi,
      ...{ bundled, log, path: env['PATH'], named: options.pi, warn: (warning) => warn(warning) },
    });
    const place = {
      main: deps.workerMain,
      sockets: home.sockets,
      logs: home.logs,
      env: workerEnvironment(env, options),
    };
    await pruneLogs(home.logs);
    // At once: a worker loads pi while this process connects.
    const workers = (pool = new WorkerPool(place, pi, log, options.warmWorker === 'on'));
    workers.refill();
    const identity = await loadIdentity(home.identity);
    const { runnerId } = identity;
    log = log.child({ runnerId });
    const host = { natsUrl: options.natsUrl, identity, token, log, signal };
    const backbone = await connectRunner(host);
    const ofToken = await requireSameWire(backbone, {
      runnerId,
      relayUrl: readRunnerToken(options.home)?.relayUrl,
      log,
    });
    const allow = commonRights(ofToken, options.allow);
    const mayHostSessions = rightsOf(allow).includes('sessions');
    warnWhenRefused(backbone, host);
    const suspendedConnection = new SuspendedSessionsConnection(() => connectForSuspendedSessions(host));
    const epoch = Date.now();
    const held = await holdLease(backbone, `runner.${runnerId}`, { epoch });
    if (held.kind === 'taken')
      throw new CodedError('store_in_use', `Another process already runs the runner ${runnerId}`);
    const agentDir = options.agentDir ?? join(homedir(), '.pi', 'agent');
    const ask = (folder: string) => workers.ask('models', { agentDir: folder });
    const models = new ModelCatalog({ agentDir, ask, pi: () => pi.key, file: home.models, log });
    await models.load();
    const commands = new CommandRunner({ env, folder: home.execs });
    await commands.recover();
    const terminals = new Terminals({
      ...{ backbone, runnerId, log, folder: home.terminals, env: withoutSecrets(env) },
      place: {
        main: join(dirname(deps.workerMain), 'ptyMain.js'),
        ...{ sockets: home.sockets, logs: home.logs, env: withoutSecrets(env) },
      },
      idleMs: options.terminalIdleHours * 60 * 60_000,
    });
    await terminals.recover();
    let sessionsOf: () => SessionHosts | undefined = () => undefined;
    const allowsPrograms = () => rightsOf(allow).includes('exec');
    const isHosted = (sid: string): boolean => sessionsOf()?.get(sid) !== undefined;
    const git = await createGitParts({ env: withoutSecrets(env), home, roots, isHosted, allowsPrograms, log });
    const publisher = new RunnerEventPublisher(backbone, runnerId, home, log);
    const version = packageVersion(import.meta.url);
    const name = options.name ?? hostname();
    const { maxSessions } = options;
    publisher.publish({
      type: 'runner_started',
      ...{
        name,
        kind: 'daemon',
        ...spokenVersion(version),
        piVersion: pi.current.version,
        pi: describeInstallation(pi.current),
        platform: process.platform,
        roots,
        maxSessions,
        epoch,
        ...(options.human === 'off' ? {} : { approvals: options.approvals }),
        ...(allow === undefined ? {} : { allow }),
        ...(git.version === undefined ? {} : { git: git.version }),
      },
      models: models.current.models.filter((model) => model.available),
      defaultModel: models.current.defaultModel,
      ...models.current.resources,
    });
    const startedPi = pi.key;
    models.onChange = ({ models: all, defaultModel }) =>
      void publisher.publish({ type: 'models_changed', models: all.filter((model) => model.available), defaultModel });
    models.onResources = (resources) => void publisher.publish({ type: 'resources_changed', ...resources });
    warn = (warning) => void publisher.publish({ type: 'runner_warning', ...warning });
    early.forEach(warn);
    const erased = new Set<string>();
    const onErased = (sid: string, message: string): void => {
      if (!erased.has(sid)) log.warn({ sid }, message);
      erased.add(sid);
    };
    const access = { backbone, suspendedConnection, home, runnerId, log, onErased };
    const ended = new EndedSessions(access, new SessionRecords(home.ended));
    await ended.prune();
    const records = new SessionRecords(home.sessions);
    await git.states.prune(
      async (sid) => (await records.read(sid)) !== undefined || (await ended.find(sid)) !== undefined,
    );
    const ledger = openLedger(home.ledger);
    const traces = new CommandTraces();
    const hosts = new SessionHosts({
      deps: {
        passOn: (commandId) => ledger.passOn(commandId),
        ...{ ...access, erased, ended, pool: workers, publisher, metrics, traces, agentDir: options.agentDir },
        records,
        states: git.states,
        idleMs: deps.idleMs ?? options.idleMinutes * 60_000,
        openMs: options.openSeconds * 1_000,
        continuesInterrupted: options.interrupted === 'continue',
        piVersion: () => pi.current.version,
      },
      models,
      roots: git.roots,
      worktrees: git.worktrees,
      sessionFolders: [join(agentDir, 'sessions')],
      maxSessions,
    });
    sessionsOf = () => hosts;
    let end: (how: 'restart' | 'shutdown') => void = () => undefined;
    const asked = new Promise<'restart' | 'shutdown'>((resolve) => (end = resolve));
    const dispatcher = new CommandDispatcher({
      ...{ ledger, publisher, log, traces },
      ...(deps.tracing === undefined ? {} : { tracing: deps.tracing }),
      handlers: daemonCommands(hosts, (how) => end(how), mayHostSessions),
      onFinished: (outcome) => metrics.commands.inc({ outcome: outcome.ok ? 'ok' : outcome.error.code }),
    });
    const facts = () => ({ name, roots, version, piVersion: pi.current.version, startedAt: epoch, maxSessions });
    const files = await openHostFiles({
      home,
      pizzapiHome: options.home,
      agentDir,
      roots: git.roots,
      git: git.program,
      hosts,
      env: withoutSecrets(env),
      workerMain: deps.workerMain,
    });
    const load = () => readLoad({ home, hosts: hosts.all, counters: backbone.counters, workers: metrics.workers });
    const onStop = (how: 'restart' | 'shutdown') => end(how);
    const stopRpc = serveRunner({
      backbone,
      runnerId,
      facts,
      roots: git.roots,
      hosts,
      git,
      models,
      load,
      commands,
      terminals,
      files,
      logTail,
      onStop,
      rights: () => allow,
      log,
    });
    const { lease } = held;
    const parts = {
      backbone,
      suspendedConnection,
      ledger,
      lease,
      publisher,
      pool: workers,
      hosts,
      dispatcher,
      models,
      pi,
      startedPi,
      piCheckMs: deps.piCheckMs ?? PI_CHECK_MS,
      watchWarnings: (watching: AbortSignal) =>
        watchWarnings({ backbone, runnerId, home, hosts, models, publisher, log }, watching),
      stopRpc,
      commands,
      terminals,
      files,
      unlock,
    };
    const { defaultModel } = models.current;
    log.info({ name, roots, home: home.root, defaultModel, pi: describeInstallation(pi.current) }, 'runner started');
    return new RunnerLifecycle(identity, roots, parts, asked, log);
  } catch (error) {
    await pool?.close();
    await unlock();
    throw error;
  }
}

async function pruneLogs(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= KEPT_LOGS) return;
  const dated = await Promise.all(names.map(async (name) => [(await stat(join(folder, name))).mtimeMs, name] as const));
  dated.sort(([a], [b]) => b - a);
  for (const [, name] of dated.slice(KEPT_LOGS)) await rm(join(folder, name), { force: true });
}
