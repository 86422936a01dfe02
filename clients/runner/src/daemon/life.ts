import { readCommands, type Backbone, type BackboneCounters, type Lease, type Ledger } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import type { Announcer } from './announcer.js';
import type { CommandDesk } from './desk.js';
import type { SessionHosts } from './hosts.js';
import type { RunnerIdentity } from './identity.js';
import type { Keeper } from './keeper.js';
import type { ModelCatalog } from './models.js';
import type { WorkerPool } from './workers.js';

/** How often pi's configuration is looked at for other models or keys, in ms. */
const MODELS_EVERY_MS = 10_000;

/** What a runner is made of, while it runs. */
export interface LifeParts {
  backbone: Backbone;
  keeper: Keeper;
  ledger: Ledger;
  lease: Lease;
  announcer: Announcer;
  pool: WorkerPool;
  hosts: SessionHosts;
  desk: CommandDesk;
  models: ModelCatalog;
  stopRpc: () => void;
  unlock: () => Promise<void>;
}

/** One life of a runner, from its first command to its last. */
export class RunnerLife {
  private readonly reading = new AbortController();
  private over = false;
  private reason = 'stopped';

  constructor(
    readonly identity: RunnerIdentity,
    readonly roots: readonly string[],
    private readonly parts: LifeParts,
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
    const { backbone, ledger, desk, hosts, pool, lease } = this.parts;
    const { signal } = this.reading;
    await hosts.recover();
    pool.refill();
    void this.watchModels();
    // A command that was begun and not finished comes again: it brings itself to mind.
    const unfinished = ledger.open().map(({ seq }) => seq - 1);
    const after = Math.min(ledger.cursor, ...unfinished);
    const read = readCommands(backbone, this.identity.runnerId, {
      after,
      signal,
      onCommand: (command, seq) => desk.take(command, seq),
      onPoison: (problem) => desk.poison(problem),
    });
    const how = await Promise.race([read.then(() => 'drained' as const), this.asked, lease.lost]);
    if (how === 'drained') return how;
    this.reason = how;
    if (how === 'taken') {
      this.over = true;
      for (const host of hosts.all) host.detach();
      throw new CodedError('store_in_use', `Another runner is known as ${this.identity.runnerId} now`);
    }
    this.log.info({ how }, 'asked to stop');
    return how;
  }

  /** Takes no more commands, and lets those that were taken be forwarded. */
  async drain(): Promise<void> {
    this.reading.abort();
    await Promise.race([this.parts.desk.idle(), sleep(1_000)]);
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
  async leave(): Promise<void> {
    this.over = true;
    const { hosts, pool } = this.parts;
    this.reading.abort();
    for (const host of hosts.all) host.detach();
    await pool.close();
    await this.close();
  }

  private async close(): Promise<void> {
    const { stopRpc, announcer, lease, ledger, backbone, keeper, unlock } = this.parts;
    stopRpc();
    announcer.say({ type: 'runner_stopped', reason: this.reason });
    await announcer.finish(1_000);
    await lease.release();
    ledger.close();
    await keeper.close();
    await backbone.close();
    await unlock();
  }

  private async watchModels(): Promise<void> {
    const { models, announcer } = this.parts;
    const { signal } = this.reading;
    while (!signal.aborted) {
      await sleep(MODELS_EVERY_MS, signal);
      const changed = await models.refresh().catch((error: unknown) => {
        this.log.warn({ err: error }, "pi's configuration cannot be read");
        return false;
      });
      if (!changed || signal.aborted) continue;
      const { models: all, defaultModel } = models.current;
      announcer.say({ type: 'models_changed', models: all.filter((model) => model.available), defaultModel });
    }
  }
}
