import { connect } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scratchFolder } from './testing/fakes.js';
import { launchNatsServer } from './launch.js';
import type { NatsServer } from './launch.js';
import { requireNatsServer } from './obtain.js';

const containing = (text: string): unknown => expect.stringContaining(text);

let binary: string;
beforeAll(async () => void ({ binary } = await requireNatsServer()), 600_000);

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
let servers: NatsServer[];
beforeEach(async () => {
  scratch = await scratchFolder();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  await scratch.remove();
});

async function launch(options: Partial<Parameters<typeof launchNatsServer>[0]> = {}): Promise<NatsServer> {
  const server = await launchNatsServer({ binary, storeDir: join(scratch.folder, 'store "1"'), ...options });
  servers.push(server);
  return server;
}

async function withConnection<T>(
  options: Parameters<typeof connect>[0],
  work: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const connection = await connect({ ...options, reconnect: false });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

describe('a launched server', () => {
  test('keeps its streams after a kill and restarts at the same address', async () => {
    const first = await launch();
    await withConnection({ servers: first.url }, async (connection) => {
      await (await jetstreamManager(connection)).streams.add({ name: 'S', subjects: ['s'] });
      await jetstream(connection).publish('s', 'fact');
    });
    expect(await first.kill()).toMatchObject({ signal: 'SIGKILL' });
    const second = await launch({ port: first.port });
    expect(second.url).toBe(first.url);
    const { state } = await withConnection({ servers: second.url }, async (connection) =>
      (await jetstreamManager(connection)).streams.info('S'),
    );
    expect(state.messages).toBe(1);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    expect(await second.stop()).toEqual({ code: 0, signal: null });
  });

  test('reads users from the configuration, which only its owner can read', async () => {
    const server = await launch({ config: 'authorization { user: u, password: "p" }' });
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i);
    await withConnection({ servers: server.url, user: 'u', pass: 'p' }, (connection) => connection.flush());
    const { mode } = await stat(join(scratch.folder, 'store "1"', 'nats-server.conf'));
    expect(mode & 0o077).toBe(0);
  });

  test('reports the port that another program uses', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    await expect(launch({ port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: containing(`:${port}`),
    });
    blocker.close();
  });

  test('reports the end of its log when it does not start', async () => {
    const log = join(scratch.folder, 'n.log');
    await writeFile(log, 'an older line\n');
    const error: unknown = await launch({ log, config: 'nonsense {' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'nats_start_failed', message: containing(log) });
    expect(String(error)).toContain('Parse error');
    expect(String(error)).not.toContain('an older line');
    expect(await readFile(log, 'utf8')).toContain('an older line');
  });

  test('reports a missing program', async () => {
    await expect(launch({ binary: join(scratch.folder, 'none') })).rejects.toMatchObject({ code: 'nats_start_failed' });
  });
});

test('a server ends with the process that started it, including by SIGKILL', async () => {
  const server = await launch();
  // Another process holds the guard here, so that the test can kill it.
  const source = await readFile(new URL('./parentDeathGuard.ts', import.meta.url), 'utf8');
  const module = join(scratch.folder, 'parentDeathGuard.mjs');
  await writeFile(module, ts.transpile(source, { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }));
  const script = [
    `import { endWithThisProcess } from ${JSON.stringify(module)};`,
    `endWithThisProcess(${server.pid});`,
    'setInterval(() => {}, 1000);',
    'console.log("tied");',
  ].join('\n');
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  expect(await server.exited).toEqual({ code: 0, signal: null });
});
