import { readCommands, type Backbone, type BackboneCounters, type Lease, type Ledger } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { describeInstallation } from '../installation/index.js';
import type { RunnerEventPublisher } from './runnerEventPublisher.js';
import type { CommandRunner } from './exec/commandRunner.js';
import type { HostFiles } from './files/index.js';
import type { CommandDispatcher } from './commandDispatcher.js';
import type { SessionHosts } from './hosts.js';
import type { RunnerIdentity } from './identity.js';
import type { SuspendedSessionsConnection } from './suspendedSessionsConnection.js';
import type { ModelCatalog } from './models.js';
import type { PiChoice } from './piChoice.js';
import { restOutdated } from './piUpdates.js';
import type { Terminals } from './terminals/terminals.js';
import type { WorkerPool } from './workerPool.js';

/** How often pi's configuration is looked at for other models or keys, in ms. */
const MODELS_EVERY_MS = 10_000;
/** Each failure of pi to list its models doubles that time, up to this, in ms. */
const MODELS_FAILED_MS = 5 * 60_000;

/** What a runner is made of, while it runs. */
export interface RunnerParts {
  backbone: Backbone;
  suspendedConnection: SuspendedSessionsConnection;
  ledger: Ledger;
  lease: Lease;
  publisher: RunnerEventPublisher;
  pool: WorkerPool;
  hosts: SessionHosts;
  dispatcher: CommandDispatcher;
  models: ModelCatalog;
  pi: PiChoice;
  /** The key of the pi with which the runner has registered. */
  startedPi: string;
  /** How often the files of pi are looked at, in ms. */
  piCheckMs: number;
  /** Raises and clears the warnings of the host. */
  watchWarnings: (signal: AbortSignal) => Promise<void>;
  stopRpc: () => void;
  commands: CommandRunner;
  terminals: Terminals;
  files: HostFiles;
  unlock: () => Promise<void>;
}

/** One life of a runner, from its first command to its last. */
export class RunnerLifecycle {
  private readonly reading = new AbortController();
  private over = false;
  private reason = 'stopped';

  constructor(
    readonly identity: RunnerIdentity,
    readonly roots: readonly string[],
    private readonly parts: RunnerParts,
    private readonly asked: Promise<'restart' | 'shutdown'>,
    private readonly log: Logger,
  ) {}

  get hosts(): SessionHosts {
    return this.parts.hosts;
  }

  /** Whether commands can reach it. */
  get isConnected(): boolean {
    return this.parts.backbone.status() === 'connected';
  }

  get counters(): Readonly<BackboneCounters> {
    return this.parts.backbone.counters;
  }

  /**
   * Finds the sessions there are, then carries commands out until it is asked to end. Throws `store_in_use` when
   * another runner took this one's id.
   */
  async run(): Promise<'drained' | 'restart' | 'shutdown'> {
    const { backbone, ledger, dispatcher, hosts, pool, lease } = this.parts;
    const { signal } = this.reading;
    await hosts.recover();
    pool.refill();
    void this.watchModels();
    void this.watchPi();
    void this.parts
      .watchWarnings(signal)
      .catch((error: unknown) => this.log.error({ err: error }, 'warnings are not watched'));
    // A command that was begun and not finished comes again: it brings itself to mind.
    const unfinished = ledger.open().map(({ seq }) => seq - 1);
    const after = Math.min(ledger.cursor, ...unfinished);
    const read = readCommands(backbone, this.identity.runnerId, {
      after,
      signal,
      onCommand: (command, seq, trace) => dispatcher.dispatch(command, seq, trace),
      onPoison: (problem) => dispatcher.poison(problem),
    });
    const how = await Promise.race([read.then(() => 'drained' as const), this.asked, lease.lost]);
    if (how === 'drained') return how;
    this.reason = how;
    if (how === 'taken') {
      this.over = true;
      for (const host of hosts.all) host.detach();
      throw new CodedError('store_in_use', `Another process runs the runner ${this.identity.runnerId} now`);
    }
    this.log.info({ how }, 'stop requested');
    return how;
  }

  /** Takes no more commands, and lets those that were taken be forwarded. */
  async drain(): Promise<void> {
    this.reading.abort();
    await Promise.race([this.parts.dispatcher.idle(), sleep(1_000)]);
  }

  /** Puts every session to sleep and says goodbye. */
  async stop(): Promise<void> {
    if (this.over) return;
    this.over = true;
    const { hosts, pool } = this.parts;
    this.reading.abort();
    await Promise.all([pool.close(), ...hosts.all.map((host) => host.shutdown())]);
    await this.close();
  }

  /** Lets go of everything but the sessions, which go on in their workers until the next life finds them. */
  async detach(): Promise<void> {
    this.over = true;
    const { hosts, pool } = this.parts;
    this.reading.abort();
    for (const host of hosts.all) host.detach();
    await pool.close();
    await this.close();
  }

  private async close(): Promise<void> {
    const { stopRpc, commands, terminals, files, publisher, lease, ledger, backbone } = this.parts;
    const { suspendedConnection, unlock } = this.parts;
    stopRpc();
    await Promise.all([commands.stop(), files.stop()]);
    // They live on when the runner is stopped by its service manager, for example to be updated.
    if (this.reason === 'shutdown') await terminals.end();
    terminals.detach();
    publisher.publish({ type: 'runner_stopped', reason: this.reason });
    await publisher.close(1_000);
    await lease.release();
    ledger.close();
    await suspendedConnection.close();
    await backbone.close();
    await unlock();
  }

  private async watchModels(): Promise<void> {
    const { signal } = this.reading;
    let pause = MODELS_EVERY_MS;
    // At once: the models of the start may be those that were kept.
    while (!signal.aborted) {
      pause = (await this.readModels()) ? MODELS_EVERY_MS : Math.min(2 * pause, MODELS_FAILED_MS);
      await sleep(pause, signal);
    }
  }

  /** False when pi does not list its models. */
  private async readModels(): Promise<boolean> {
    try {
      await this.parts.models.refresh();
      return true;
    } catch (error) {
      if (!this.reading.signal.aborted) this.log.warn({ err: error }, 'pi did not list its models');
      return false;
    }
  }

  /** Has new workers run on the pi that is installed now, and the sessions of the old ones rest as soon as they are idle. */
  private async watchPi(): Promise<void> {
    const { pi, pool, hosts, publisher, piCheckMs } = this.parts;
    const { signal } = this.reading;
    let published = this.parts.startedPi;
    while (!signal.aborted) {
      try {
        if (await pi.check()) {
          pool.replace();
          await this.readModels();
        }
        if (signal.aborted) return;
        if (pi.key !== published) {
          published = pi.key;
          const { current } = pi;
          publisher.publish({ type: 'pi_changed', piVersion: current.version, pi: describeInstallation(current) });
        }
        await restOutdated(hosts.all, pi);
      } catch (error) {
        this.log.warn({ err: error }, 'the installed pi could not be looked at');
      }
      await sleep(piCheckMs, signal);
    }
  }
}
