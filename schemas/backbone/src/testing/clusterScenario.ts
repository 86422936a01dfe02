import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterNode } from '@pizzapi/nats-server';
import { connectBackbone, internals, type Backbone } from '../connection.js';
import { provision } from '../provision.js';
import { startTestCluster, type TestCluster } from './testCluster.js';

/** A cluster of three servers, provisioned with three copies of everything. */
export interface ClusterScenario {
  readonly cluster: TestCluster;
  /** A connection to any of the servers, which reconnects to the others. */
  readonly b: Backbone;
  readonly spoolDir: string;
  connect(): Promise<Backbone>;
  /** A connection to all servers that begins at one of them. */
  connectTo(node: ClusterNode): Promise<Backbone>;
  end(): Promise<void>;
}

export async function startClusterScenario(): Promise<ClusterScenario> {
  const cluster = await startTestCluster();
  const open: Backbone[] = [];
  const connectAt = async (url: string[]): Promise<Backbone> => {
    const b = await connectBackbone({ url, name: 'test' });
    open.push(b);
    return b;
  };
  const b = await connectAt(cluster.urls);
  await provision(b, { replicas: 3 });
  const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-spool-'));
  return {
    cluster,
    b,
    spoolDir,
    connect: () => connectAt(cluster.urls),
    connectTo: async ({ url }) => {
      for (;;) {
        // The client takes the servers in a random order.
        const b = await connectAt(cluster.urls);
        if (url.endsWith(internals(b).nc.getServer())) return b;
        await b.close();
      }
    },
    end: async () => {
      await Promise.all(open.map((each) => each.close()));
      await cluster.stop();
      await rm(spoolDir, { recursive: true, force: true });
    },
  };
}
