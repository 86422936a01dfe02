import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startTestNats } from './index.js';

type Connection = Awaited<ReturnType<typeof connect>>;

async function withConnection<T>(
  options: Parameters<typeof connect>[0],
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ ...options, reconnect: false });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

test('a test server keeps its streams over a crash and requires its password', async () => {
  const nats = await startTestNats({ password: 'p"w\\' });
  try {
    await withConnection(nats.connection, async (connection) => {
      await (await jetstreamManager(connection)).streams.add({ name: 'S', subjects: ['s'] });
    });
    const crashed = nats.pid;
    await nats.kill9();
    await nats.restart();
    expect(nats.pid).not.toBe(crashed);
    await withConnection(nats.connection, async (connection) =>
      expect((await (await jetstreamManager(connection)).streams.info('S')).config.name).toBe('S'),
    );
  } finally {
    await nats.stop();
  }
  await expect(stat(nats.storeDir)).rejects.toMatchObject({ code: 'ENOENT' });
});
