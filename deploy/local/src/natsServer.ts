import { authorizationConfig } from '@pizzapi/authenticator';
import { connectBackbone, moveBlobs, migrateStateAccount, provision, type ProvisionOptions } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer, type NatsServer } from '@pizzapi/nats-server';
import { backoff, type Logger } from '@pizzapi/process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readNatsAccess, writeNatsAccess, type Home, type NatsAccess } from './home.js';
import { ensureOwner, ensureRunnerToken } from './runnerToken.js';
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
    config: authorizationConfig(users),
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
  const prepareStore = () =>
    prepare(access, storage, runnerToken, (token) => {
      access.runnerToken = token;
      return writeNatsAccess(home, access);
    });
  progress('preparing the store');
  try {
    await startStep(`Preparing the store in ${home.nats}`, PREPARE_MS, prepareStore);
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }

  const stopping = new AbortController();
  const relaunch = async () => {
    const pauses = backoff({ minMs: 100, maxMs: 5_000 });
    for (;;) {
      const exit = await server.exited;
      while (!stopping.signal.aborted) {
        log.warn({ process: 'nats-server', ...exit }, 'process ended; restarting it');
        try {
          server = await launchNatsServer({ ...options, port: server.port, webSocketPort });
          pauses.reset();
          break;
        } catch (err) {
          log.error({ process: 'nats-server', err }, 'process could not be restarted');
          await delay(pauses.next(), undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      }
      if (stopping.signal.aborted) return;
    }
  };
  const watching = relaunch();

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

/** Creates, as the administrator, missing streams and buckets, the owner's account and the token of this machine's runner. */
async function prepare(
  { url, users }: NatsAccess,
  storage: ProvisionOptions,
  knownToken: string | undefined,
  save: (token: string) => Promise<void>,
): Promise<void> {
  const admin = await connectBackbone({
    url,
    name: 'pizzapi-provisioner',
    nkey: users.admin.nkeySeed,
    provisioner: true,
  });
  try {
    await migrateStateAccount(admin);
    await provision(admin, storage);
    await moveBlobs(admin);
    await ensureOwner(admin);
    await ensureRunnerToken(admin, knownToken, save);
  } finally {
    await admin.close();
  }
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
