import { authorizationConfig } from '@pizzapi/authenticator';
import { natsConfigOf } from '@pizzapi/kubernetes';
import { keepRunning, startStep, type Home, type NatsAccess } from '@pizzapi/local';
import { launchNatsCluster, processContext, requireNatsServer, type NatsCluster } from '@pizzapi/nats-server';
import type { Logger } from '@pizzapi/process';
import { chartManifests } from './chartEnvironment.js';

/** Time limits of the steps of the start, in ms. */
const FIND_MS = 10 * 60_000;
const LAUNCH_MS = 120_000;

export interface NatsNodesOptions {
  home: Home;
  users: NatsAccess['users'];
  partitions: number;
  log: Logger;
  /** Called with one line for each step, to show to the user. */
  progress: (text: string) => void;
  /** Called with the name and the id of each process that starts again. */
  onStart: (name: string, pid: number) => void;
}

/** The nats-servers of a cluster. A node that ends is started again, at the same address and with the same store. */
export interface NatsNodes {
  cluster: NatsCluster;
  stop(): Promise<void>;
}

/** Finds or downloads nats-server and starts three nodes with the accounts of an installation. */
export async function startNatsNodes({
  home,
  users,
  partitions,
  log,
  progress,
  onStart,
}: NatsNodesOptions): Promise<NatsNodes> {
  const { binary, version, source } = await startStep('Finding or downloading nats-server', FIND_MS, () =>
    requireNatsServer(processContext(progress)),
  );
  progress(`using nats-server ${version} (${source})`);
  progress('starting 3 nodes of nats-server');
  const cluster = await startStep('The start of the nodes of nats-server', LAUNCH_MS, () =>
    launchNatsCluster({
      binary,
      storeDir: home.nats,
      name: 'nats',
      config: authorizationConfig(users, { partitions }),
      ...syncInterval(),
    }),
  );
  const stopping = new AbortController();
  const watching = cluster.nodes.map((node) =>
    keepRunning({
      name: node.name,
      exited: () => node.exited,
      launch: async () => {
        await node.launch();
        onStart(node.name, node.pid);
      },
      ...{ log, signal: stopping.signal },
    }),
  );
  return {
    cluster,
    stop: async () => {
      stopping.abort();
      await cluster.stop();
      await Promise.all(watching);
      // A node that was starting when the supervision ended.
      await cluster.stop();
    },
  };
}

/** When the chart has nats-server write to the disk. */
function syncInterval(): { syncInterval?: string } {
  const [, interval] = /\bsync_interval: "(\w+)"/.exec(natsConfigOf(chartManifests())) ?? [];
  return interval === undefined ? {} : { syncInterval: interval };
}
