import { setTimeout as delay } from 'node:timers/promises';
import { launchNatsServer, type Exit, type LaunchOptions, type NatsServer } from './launch.js';

/** Time limit until a restarted node has its JetStream back. */
const HEALTHY_TIMEOUT_MS = 60_000;
const HEALTHY_POLL_MS = 20;

/** What the monitoring of a node reports about the meta group of JetStream. */
export interface MetaGroup {
  /** The name of the leader; empty while no node leads. */
  leader: string;
  /** The number of members, this node included, that are current. */
  current: number;
  size: number;
}

/** One server of a cluster. Its ports and its store stay the same after a restart. */
export class ClusterNode {
  private server: NatsServer | undefined;

  constructor(
    readonly index: number,
    readonly name: string,
    /** The client port. */
    readonly port: number,
    /** The port of the routes, which takes servers with the cluster's password. */
    readonly routePort: number,
    /** `http://127.0.0.1:<port>`: the monitoring of nats-server, such as `/healthz` and `/jsz`. */
    readonly monitorUrl: string,
    private readonly options: LaunchOptions & { webSocketPort: number },
  ) {}

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** The address for NATS over WebSocket. */
  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.options.webSocketPort}`;
  }

  get storeDir(): string {
    return this.options.storeDir;
  }

  /** The process id, also of a node that has ended. Throws before the first start. */
  get pid(): number {
    return this.started().pid;
  }

  /** Path of the log file. */
  get log(): string {
    return this.started().log;
  }

  /** Resolves when the current process of the node has ended. */
  get exited(): Promise<Exit> {
    return this.started().exited;
  }

  /** Starts the process. Resolves when it accepts connections. Throws what `launchNatsServer` throws. */
  async launch(): Promise<void> {
    this.server = await launchNatsServer({ ...this.options, port: this.port });
  }

  /** Stops the node if it runs, and starts it. Resolves when the node is healthy: its streams are current. */
  async restart(): Promise<void> {
    await this.stop();
    await this.launch();
    await this.untilHealthy();
  }

  async stop(): Promise<Exit> {
    return this.started().stop();
  }

  /** Stops the node; does nothing when it was never started. */
  async stopIfStarted(): Promise<void> {
    await this.server?.stop();
  }

  /** Sends SIGKILL, to simulate a crash. Resolves when the process has ended. */
  async kill(): Promise<Exit> {
    return this.started().kill();
  }

  /** Starts lame duck mode: the node gives its leaderships away, disconnects its clients and ends. Resolves then. */
  async lameDuck(): Promise<Exit> {
    process.kill(this.pid, 'SIGUSR2');
    return this.exited;
  }

  /** Resolves when the node reports that it and its streams are ready. Throws after a minute. */
  async untilHealthy(): Promise<void> {
    const deadline = Date.now() + HEALTHY_TIMEOUT_MS;
    while (!(await this.isHealthy())) {
      if (Date.now() > deadline) throw new Error(`${this.name} is not healthy; its log is ${this.log}`);
      await delay(HEALTHY_POLL_MS);
    }
  }

  /** Returns the meta group as this node knows it; undefined when it does not answer. */
  async metaGroup(): Promise<MetaGroup | undefined> {
    const report = await this.monitor<JszReport>('/jsz');
    const meta = report?.meta_cluster;
    if (meta === undefined) return undefined;
    const { leader = '', cluster_size: size, replicas = [] } = meta;
    return { leader, size, current: 1 + replicas.filter(({ current, offline }) => current && offline !== true).length };
  }

  private async isHealthy(): Promise<boolean> {
    return (await this.monitor<{ status?: string }>('/healthz'))?.status === 'ok';
  }

  private async monitor<T>(path: string): Promise<T | undefined> {
    try {
      return (await (await fetch(this.monitorUrl + path, { signal: AbortSignal.timeout(5_000) })).json()) as T;
    } catch {
      return undefined;
    }
  }

  private started(): NatsServer {
    if (this.server === undefined) throw new Error(`${this.name} was not started`);
    return this.server;
  }
}

interface JszReport {
  meta_cluster?: { leader?: string; cluster_size: number; replicas?: { current: boolean; offline?: boolean }[] };
}
