import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchNatsServer, quoteConfig, requireNatsServer } from '@pizzapi/nats-server';
import type { NatsServer } from '@pizzapi/nats-server';
import { partitionMapping } from '@pizzapi/protocol';
import { whileProcessHalted } from './halt.js';

export { BareAppender } from './bareAppender.js';
export { everyStoredMessage, placesOf, type RawMessage } from './storedMessages.js';
export { startTcpProxy, type TcpProxy } from './tcpProxy.js';
export { startTestCluster, TestCluster } from './testCluster.js';
export type { StreamLocation, TestClusterOptions } from './testCluster.js';

export interface TestNatsOptions {
  /** With a password the server refuses everybody else. */
  user?: string;
  password?: string;
  /** More configuration text; see `LaunchOptions.config`. */
  config?: string;
  /** See `LaunchOptions.syncInterval`. */
  syncInterval?: string;
  /** Path of the program; the one that the product finds when left out. */
  binary?: string;
}

/** What a server without accounts maps so that the log has this many partitions; nothing with one. */
export function mappingsConfig(partitions: number): string {
  const mapping = partitionMapping(partitions);
  return mapping === undefined ? '' : `mappings: { ${quoteConfig(mapping.from)}: ${quoteConfig(mapping.to)} }\n`;
}

/** A real nats-server with an empty store of its own, for one test file. */
export interface TestNats {
  /** The address; the same after every restart. */
  readonly url: string;
  readonly port: number;
  /** The same server for NATS over WebSocket. */
  readonly webSocketUrl: string;
  readonly pid: number;
  /** Survives `restart` and `kill9`, and goes with `stop`. */
  readonly storeDir: string;
  /** What a client passes to `connect` of nats.js. */
  readonly connection: { servers: string; user?: string; pass?: string };
  /** Starts the server again at the same address, with the same store; stops it first if it runs. */
  restart(): Promise<void>;
  /** Stops the server as a crash would; `restart` brings it back. */
  kill9(): Promise<void>;
  /** Halts the server while `work` runs: its connections stay open and it answers nothing. */
  whileHalted<T>(work: () => Promise<T>): Promise<T>;
  /** Stops the server and removes its store. May be called again. */
  stop(): Promise<void>;
}

/** Starts a nats-server for a test, obtained the same way the product obtains it. Throws what `launchNatsServer` does. */
export async function startTestNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const binary = options.binary ?? (await requireNatsServer()).binary;
  const storeDir = await mkdtemp(join(tmpdir(), 'pizzapi-nats-'));
  const { user = 'test', password, syncInterval } = options;
  const users =
    password === undefined ? '' : `authorization { user: ${quoteConfig(user)}, password: ${quoteConfig(password)} }\n`;
  const config = users + (options.config ?? '');
  const launch = (port: number, webSocketPort: number) =>
    launchNatsServer({ binary, storeDir, port, webSocketPort, config, syncInterval });
  let server: NatsServer = await launch(0, 0);
  const { url, port, webSocketPort = 0 } = server;
  return {
    url,
    port,
    webSocketUrl: `ws://127.0.0.1:${webSocketPort}`,
    storeDir,
    connection: password === undefined ? { servers: url } : { servers: url, user, pass: password },
    get pid() {
      return server.pid;
    },
    async restart() {
      await server.stop();
      server = await launch(port, webSocketPort);
    },
    async kill9() {
      await server.kill();
    },
    whileHalted: (work) => whileProcessHalted(server.pid, work),
    async stop() {
      await server.stop();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
