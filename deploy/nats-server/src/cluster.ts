import { CodedError } from '@pizzapi/protocol';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderNode } from './clusterConfig.js';
import { ClusterNode } from './clusterNode.js';
import { findFreePorts } from './freePorts.js';

/** Attempts to start: another program can take a free port before a node listens on it. */
const ATTEMPTS = 3;
/** Time limit until the nodes have formed the cluster. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 20;
const DEFAULT_NODES = 3;

export interface ClusterOptions {
  /** Path of a nats-server, as `requireNatsServer` gives it. */
  binary: string;
  /** The folder of the nodes' stores, `<storeDir>/<name>`. One cluster at a time. */
  storeDir: string;
  /** The number of nodes, by default 3. */
  nodes?: number;
  /** The name of the cluster. The nodes are `<name>-1`, `<name>-2` and so on. */
  name?: string;
  /** Text in nats-server's configuration language for every node, or a function that returns the text of one node. */
  config?: string | ((node: { index: number; name: string }) => string);
  /** See `LaunchOptions.syncInterval`. */
  syncInterval?: string;
  /** The client ports, one for each node. Without them the cluster takes free ports. */
  ports?: readonly number[];
  /**
   * Returns the port at which the node `from` reaches the routes of the node `to`, which listens on `port`; for a proxy
   * between two nodes. By default `port` itself.
   */
  routePort?: (from: number, to: number, port: number) => Promise<number> | number;
}

/** A cluster of nats-servers on 127.0.0.1, each with JetStream and a store of its own. */
export interface NatsCluster {
  readonly name: string;
  readonly nodes: readonly ClusterNode[];
  /** The addresses of all nodes for clients. */
  readonly urls: readonly string[];
  /** Returns the node with this server name. */
  nodeNamed(name: string): ClusterNode;
  /** Returns the leader of JetStream's meta group; undefined while no node leads. */
  metaLeader(): Promise<ClusterNode | undefined>;
  /** Resolves when the nodes have a meta leader, and every node is a current member of the meta group and healthy. */
  untilReady(): Promise<void>;
  /** Stops all nodes. Can be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster and returns when JetStream works on it: the nodes have elected a meta leader and all are members. The
 * nodes end when this process ends, including by SIGKILL. Throws what `launchNatsServer` throws, and `nats_start_failed`
 * when the nodes do not form a cluster in a minute.
 */
export async function launchNatsCluster(options: ClusterOptions): Promise<NatsCluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await planCluster(options);
    try {
      await allOf(cluster.nodes.map((node) => node.launch()));
      await cluster.untilReady();
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (!(error instanceof CodedError && error.code === 'port_in_use') || attempt >= ATTEMPTS) throw error;
    }
  }
}

/** Waits for all, also when one fails, so that the caller can stop those that have started. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function planCluster(options: ClusterOptions): Promise<LaunchedCluster> {
  const { name = 'pizzapi', nodes: count = DEFAULT_NODES, storeDir, binary, syncInterval, config = '' } = options;
  const { routePort = (_from: number, _to: number, port: number) => port } = options;
  const indexes = Array.from({ length: count }, (_, index) => index);
  const free = await findFreePorts(4 * count);
  const routePassword = randomBytes(18).toString('hex');
  const nodes = indexes.map(async (index) => {
    const nodeName = `${name}-${index + 1}`;
    const ownRoute = free[count + index]!;
    const monitorPort = free[2 * count + index]!;
    const others = indexes.filter((other) => other !== index);
    const text = renderNode({
      clusterName: name,
      name: nodeName,
      routePort: ownRoute,
      monitorPort,
      peers: await Promise.all(others.map(async (to) => routePort(index, to, free[count + to]!))),
      routePassword,
      extra: typeof config === 'string' ? config : config({ index, name: nodeName }),
    });
    const port = options.ports?.[index] ?? free[index]!;
    const webSocketPort = free[3 * count + index]!;
    const launch = { binary, storeDir: join(storeDir, nodeName), config: text, syncInterval, webSocketPort };
    return new ClusterNode(index, nodeName, port, ownRoute, `http://127.0.0.1:${monitorPort}`, launch);
  });
  return new LaunchedCluster(name, await Promise.all(nodes));
}

class LaunchedCluster implements NatsCluster {
  constructor(
    readonly name: string,
    readonly nodes: readonly ClusterNode[],
  ) {}

  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  nodeNamed(name: string): ClusterNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`The cluster ${this.name} has no node ${name}`);
    return found;
  }

  async metaLeader(): Promise<ClusterNode | undefined> {
    const groups = await Promise.all(this.nodes.map((node) => node.metaGroup()));
    return this.nodes.find(({ name }) => groups.some((group) => group?.leader === name));
  }

  async untilReady(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!(await this.isFormed())) {
      if (Date.now() > deadline) {
        const logs = this.nodes.map(({ log }) => log).join(', ');
        throw new CodedError('nats_start_failed', `The nodes of ${this.name} formed no cluster; their logs: ${logs}`);
      }
      await delay(READY_POLL_MS);
    }
    await Promise.all(this.nodes.map((node) => node.untilHealthy()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stopIfStarted()));
  }

  /** Only the leader knows which members are current. */
  private async isFormed(): Promise<boolean> {
    const groups = await Promise.all(this.nodes.map((node) => node.metaGroup()));
    const count = this.nodes.length;
    const leader = groups.find((group, index) => group !== undefined && group.leader === this.nodes[index]?.name);
    return leader?.current === count && groups.every((group) => group?.leader === leader.leader);
  }
}
