import { authorizationConfig } from '@pizzapi/authenticator';
import { connectBackbone, moveBlobs, migrateStateAccount, provision, type ProvisionOptions } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer, type NatsServer } from '@pizzapi/backbone/server';
import { backoff, type Logger } from '@pizzapi/process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readNatsAccess, writeNatsAccess, type Home, type NatsAccess } from './home.js';
import { ensureOwner, ensureRunnerToken } from './runnerToken.js';

/** A nats-server of our own, provisioned, that comes back on the same address whenever it ends. */
export interface LocalBackbone extends NatsAccess {
  /** Process id of the server that runs now. */
  pid(): number;
  stop(): Promise<void>;
}

/** Finds or fetches nats-server, starts it with credentials, and makes the streams. Says each step through `say`. */
export async function startBackbone(
  home: Home,
  port: number,
  storage: ProvisionOptions,
  log: Logger,
  say: (text: string) => void,
): Promise<LocalBackbone> {
  const { binary, version, source } = await requireNatsServer(processContext(say));
  say(`nats-server ${version} (${source})`);
  const { users, runnerToken, port: lastPort } = await readNatsAccess(home);
  const options = {
    binary,
    storeDir: home.nats,
    config: authorizationConfig(users),
    // A person's machine is switched off without asking: what was acknowledged is on the disk by then.
    syncInterval: 'always',
    log: join(home.logs, 'nats-server.log'),
  };
  let server = await launch({ ...options, port: port || lastPort }, port === 0);
  const access: NatsAccess = { url: server.url, users, runnerToken: '' };
  await prepare(access, storage, runnerToken, (token) => {
    access.runnerToken = token;
    return writeNatsAccess(home, access);
  });

  const stopping = new AbortController();
  const relaunch = async () => {
    const pauses = backoff({ minMs: 100, maxMs: 5_000 });
    for (;;) {
      const exit = await server.exited;
      while (!stopping.signal.aborted) {
        log.warn({ process: 'nats-server', ...exit }, 'ended; starting it again');
        try {
          server = await launchNatsServer({ ...options, port: server.port });
          pauses.reset();
          break;
        } catch (err) {
          log.error({ process: 'nats-server', err }, 'could not be started again');
          await delay(pauses.next(), undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      }
      if (stopping.signal.aborted) return;
    }
  };
  const watching = relaunch();

  return {
    ...access,
    pid: () => server.pid,
    stop: async () => {
      stopping.abort();
      await server.stop();
      await watching;
    },
  };
}

/** Makes what is missing in the store, as the administrator: streams, buckets, the token of this machine's runner. */
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

/** The port of the last run is a wish; one that the person named is not. */
async function launch(options: Parameters<typeof launchNatsServer>[0], mayMove: boolean): Promise<NatsServer> {
  try {
    return await launchNatsServer(options);
  } catch (thrown) {
    const taken = (thrown as { code?: unknown }).code === 'port_in_use';
    if (!taken || !mayMove) throw thrown;
    return launchNatsServer({ ...options, port: 0 });
  }
}
