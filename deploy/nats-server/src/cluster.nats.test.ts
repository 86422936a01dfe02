import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchNatsCluster, type NatsCluster } from './cluster.js';
import { requireNatsServer } from './obtain.js';
import { scratchFolder } from './testing/fakes.js';

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let cluster: NatsCluster;

beforeAll(async () => {
  scratch = await scratchFolder();
  const { binary } = await requireNatsServer();
  cluster = await launchNatsCluster({ binary, storeDir: join(scratch.folder, 'nodes') });
}, 600_000);

afterAll(async () => {
  await cluster.stop();
  await scratch.remove();
});

test('a cluster keeps a replicated stream through the crash, lame duck mode and restart of its nodes', async () => {
  const connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  try {
    const jsm = await jetstreamManager(connection);
    const { cluster: group } = await jsm.streams.add({ name: 'S', subjects: ['s'], num_replicas: 3 });
    const members = [group?.leader, ...(group?.replicas ?? []).map(({ name }) => name)];
    expect(members.toSorted()).toEqual(['pizzapi-1', 'pizzapi-2', 'pizzapi-3']);
    await jetstream(connection).publish('s', 'first');

    const leader = cluster.nodeNamed(group?.leader ?? '');
    const { url, pid } = leader;
    expect(await leader.kill()).toMatchObject({ signal: 'SIGKILL' });
    await leader.restart();
    expect(leader.url).toBe(url);
    expect(leader.pid).not.toBe(pid);

    const next = cluster.nodes[(leader.index + 1) % 3]!;
    expect(await next.lameDuck()).toMatchObject({ code: 0 });
    await next.restart();
    await cluster.untilReady();
    expect((await cluster.metaLeader())?.name).toMatch(/^pizzapi-[123]$/);
    await jetstream(connection).publish('s', 'second');
    expect((await jsm.streams.info('S')).state.messages).toBe(2);
  } finally {
    await connection.close();
  }
});

test('the routes of a cluster refuse a server without their password', async () => {
  const socket = connectTcp(cluster.nodes[0]!.routePort, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('CONNECT {"server_id":"stranger","name":"stranger"}\r\nPING\r\n');
  await once(socket, 'close');
  expect(text).toContain("-ERR 'Authorization Violation'");
});
