import { authorizationConfig } from '@pizzapi/authenticator';
import type { ProvisionOptions } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer, type NatsServer } from '@pizzapi/nats-server';
import type { Logger } from '@pizzapi/process';
import { join } from 'node:path';
import { readNatsAccess, writeNatsAccess, type Home, type NatsAccess } from './home.js';
import { keepRunning } from './keepRunning.js';
import { prepareStore } from './prepareStore.js';
import { startStep } from './startStep.js';

/** Time limits of the steps of the start, in ms: a download, reading the streams, and creating or moving them. */
const FIND_MS = 10 * 60_000;
const LAUNCH_MS = 90_000;
const PREPARE_MS = 120_000;

/** A provisioned nats-server that restarts on the same address when it ends. */
export interface LocalNatsServer extends NatsAccess {
  /** Where the gateway of this machine passes on connections of runners. */
  webSocketUrl: string;
  /** Returns the process id of the current server. */
  pid(): number;
  /** Stops the server. It starts again on the same store and address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Finds or downloads nats-server, starts it with credentials, and creates the streams. Reports each step to `progress`. */
export async function startNatsServer(
  home: Home,
  port: number,
  storage: ProvisionOptions,
  partitions: number,
  log: Logger,
  progress: (text: string) => void,
): Promise<LocalNatsServer> {
  const { binary, version, source } = await startStep('Finding or downloading nats-server', FIND_MS, () =>
    requireNatsServer(processContext(progress)),
  );
  progress(`using nats-server ${version} (${source})`);
  const { users, runnerToken, port: lastPort } = await readNatsAccess(home);
  const options = {
    binary,
    storeDir: home.nats,
    config: authorizationConfig(users, { partitions }),
    // A personal computer can lose power at any time. Acknowledged writes must be on the disk.
    syncInterval: 'always',
    log: join(home.logs, 'nats-server.log'),
  };
  progress('starting nats-server');
  let server = await startStep('The start of nats-server', LAUNCH_MS, () =>
    launch({ ...options, port: port || lastPort, webSocketPort: 0 }, port === 0),
  );
  const { webSocketPort } = server;
  if (webSocketPort === undefined) throw new TypeError('A nats-server without the port for WebSockets');
  const access: NatsAccess = { url: server.url, users, runnerToken: '' };
  const prepare = () =>
    prepareStore(access, { storage, partitions }, runnerToken, (token) => {
      access.runnerToken = token;
      return writeNatsAccess(home, access);
    });
  progress('preparing the store');
  try {
    await startStep(`Preparing the store in ${home.nats}`, PREPARE_MS, prepare);
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }

  const stopping = new AbortController();
  const watching = keepRunning({
    name: 'nats-server',
    exited: () => server.exited,
    launch: async () => {
      server = await launchNatsServer({ ...options, port: server.port, webSocketPort });
    },
    ...{ log, signal: stopping.signal },
  });

  return {
    ...access,
    webSocketUrl: `ws://127.0.0.1:${webSocketPort}`,
    pid: () => server.pid,
    restart: async () => {
      await server.stop();
    },
    stop: async () => {
      stopping.abort();
      await server.stop();
      await watching;
    },
  };
}

/** Starts the server. If its port is in use and `mayMove` is set, starts it on any free port. */
async function launch(options: Parameters<typeof launchNatsServer>[0], mayMove: boolean): Promise<NatsServer> {
  try {
    return await launchNatsServer(options);
  } catch (thrown) {
    const isPortInUse = (thrown as { code?: unknown }).code === 'port_in_use';
    if (!isPortInUse || !mayMove) throw thrown;
    return launchNatsServer({ ...options, port: 0 });
  }
}
