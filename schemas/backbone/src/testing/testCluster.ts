import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';
import { launchNatsCluster, requireNatsServer, type ClusterNode, type NatsCluster } from '@pizzapi/nats-server';
import { whileProcessHalted } from './halt.js';
import { startTcpProxy, type TcpProxy } from './tcpProxy.js';

export interface TestClusterOptions {
  /** See `ClusterOptions.config`. */
  config?: string | ((node: { index: number; name: string }) => string);
  /** See `LaunchOptions.syncInterval`. */
  syncInterval?: string;
  /** Path of the program; the one that the product finds when left out. */
  binary?: string;
  /**
   * How a helper that steps a leader down connects: to the account that has the streams. Needed when `config` has users.
   */
  administrator?: NodeConnectionOptions;
}

/** Where the helpers that work on a stream find it; see `AccountLocation`. */
export interface StreamLocation {
  /** The login of the account that has the stream; `TestClusterOptions.administrator` when left out. */
  login?: NodeConnectionOptions;
}

const PATIENCE_MS = 30_000;
const POLL_MS = 25;

/** A real cluster of three nats-servers with empty stores of their own, for one test file. */
export class TestCluster {
  constructor(
    readonly cluster: NatsCluster,
    private readonly folder: string,
    private readonly routes: readonly { from: number; to: number; proxy: TcpProxy }[],
    private readonly options: TestClusterOptions,
  ) {}

  /** The addresses of all nodes. */
  get urls(): string[] {
    return [...this.cluster.urls];
  }

  get nodes(): readonly ClusterNode[] {
    return this.cluster.nodes;
  }

  node(index: number): ClusterNode {
    const found = this.nodes[index];
    if (found === undefined) throw new Error(`The cluster has no node ${index}`);
    return found;
  }

  /** Stops a node as a crash would; `restart` brings it back. */
  async kill9(index: number): Promise<void> {
    await this.node(index).kill();
  }

  /** Starts a node again at the same addresses, with the same store; stops it first if it runs. */
  async restart(index: number): Promise<void> {
    await this.node(index).restart();
  }

  /** Halts a node while `work` runs: its connections stay open and it answers nothing. */
  whileHalted<T>(index: number, work: () => Promise<T>): Promise<T> {
    return whileProcessHalted(this.node(index).pid, work);
  }

  /** Cuts the routes between a node and all others. Clients still reach every node. */
  partition(index: number): void {
    for (const { from, to, proxy } of this.routes) if (from === index || to === index) proxy.cut();
  }

  /** Ends every partition. `untilReady` waits until the nodes have found each other. */
  heal(): void {
    for (const { proxy } of this.routes) proxy.heal();
  }

  /** Resolves when the cluster has a meta leader and all nodes are current and healthy. */
  untilReady(): Promise<void> {
    return this.cluster.untilReady();
  }

  /** Returns the node that leads a stream, once there is one. */
  async leaderOf(stream: string, { login }: StreamLocation = {}): Promise<ClusterNode> {
    return this.withManager(login, async (jsm) => {
      for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(POLL_MS)) {
        const info = await jsm.streams.info(stream).catch(() => undefined);
        const name = info?.cluster?.leader;
        if (name !== undefined && name !== '') return this.cluster.nodeNamed(name);
      }
      throw new Error(`The stream ${stream} has no leader`);
    });
  }

  /** Makes another node the leader of a stream. Returns that node. */
  async stepDown(stream: string, location: StreamLocation = {}): Promise<ClusterNode> {
    const before = await this.leaderOf(stream, location);
    await this.withManager(location.login, async (_jsm, nc) => {
      const reply = await nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, '', { timeout: PATIENCE_MS });
      const { success } = reply.json<{ success?: boolean }>();
      if (success !== true) throw new Error(`The leader of ${stream} did not step down: ${reply.string()}`);
    });
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(POLL_MS)) {
      const now = await this.leaderOf(stream, location);
      if (now !== before) return now;
    }
    throw new Error(`${before.name} still leads ${stream}`);
  }

  /** Stops all nodes and removes their stores. May be called again. */
  async stop(): Promise<void> {
    await this.cluster.stop();
    await Promise.all(this.routes.map(({ proxy }) => proxy.close()));
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Connects to any node and runs `work` with the API of the account's streams. */
  private async withManager<T>(
    login: NodeConnectionOptions | undefined,
    work: (jsm: JetStreamManager, nc: NatsConnection) => Promise<T>,
  ): Promise<T> {
    const running = this.urls;
    const nc = await connect({ ...this.options.administrator, ...login, servers: running, timeout: PATIENCE_MS });
    try {
      return await work(await jetstreamManager(nc, { checkAPI: false }), nc);
    } finally {
      await nc.close();
    }
  }
}

/** Starts a cluster of three nodes for tests. Throws what `launchNatsCluster` does. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const binary = options.binary ?? (await requireNatsServer()).binary;
  const folder = await mkdtemp(join(tmpdir(), 'pizzapi-cluster-'));
  const routes: { from: number; to: number; proxy: TcpProxy }[] = [];
  try {
    const cluster = await launchNatsCluster({
      binary,
      storeDir: folder,
      config: options.config,
      syncInterval: options.syncInterval,
      routePort: async (from, to, port) => {
        const proxy = await startTcpProxy(() => port);
        routes.push({ from, to, proxy });
        return proxy.port;
      },
    });
    return new TestCluster(cluster, folder, routes, options);
  } catch (error) {
    await Promise.all(routes.map(({ proxy }) => proxy.close()));
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
