import { authorizationConfig } from '@pizzapi/authenticator';
import { connectBackbone, type Backbone } from '@pizzapi/backbone';
import { launchNatsServer, processContext, requireNatsServer } from '@pizzapi/nats-server';
import { homeLayout, readPrivateFile, type Logger } from '@pizzapi/process';
import { CodedError, isMap, splitAddresses, stringAt } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openHome, readNatsAccess, runningLocal, writeNatsAccess, type Home } from './home.js';

export interface StoreContext {
  log: Logger;
  signal: AbortSignal;
  /** Called with one line for each step, to show to the user. */
  progress: (text: string) => void;
}

export interface StoreOptions {
  home: string;
  /** The nats-server of a deployment. Without it: that of the home. */
  natsUrl: string | undefined;
  adminNkey: string | undefined;
  /** Shown by the server for the connection. */
  name: string;
  /** What happens when the local run of the home runs: `refuse` throws `services_running`. */
  whenRunning: 'use' | 'refuse';
  /** Makes the home if it is missing, with the accounts of a log with this many partitions. */
  create?: { partitions: number };
}

/**
 * Runs a task with the provisioner's login: at a deployment, at the local run of a home, or at a home that is stopped, whose
 * nats-server runs for this time.
 */
export async function withStore<T>(
  options: StoreOptions,
  context: StoreContext,
  work: (admin: Backbone) => Promise<T>,
): Promise<T> {
  const { natsUrl, adminNkey, name } = options;
  if (natsUrl === undefined) return atHome(options, context, work);
  if (adminNkey === undefined) throw new CodedError('bad_option', 'Set PIZZAPI_NATS_ADMIN_NKEY for --nats-url');
  return asProvisioner(splitAddresses(natsUrl), adminNkey, name, context, work);
}

async function atHome<T>(
  { home: root, name, whenRunning, create }: StoreOptions,
  context: StoreContext,
  work: (admin: Backbone) => Promise<T>,
): Promise<T> {
  const isThere = existsSync(homeLayout(root).natsAccessFile);
  if (!isThere && create === undefined)
    throw new CodedError('not_provisioned', `${root} is not the home of a local run`);
  const home = await openHome(root);
  const { users } = await readNatsAccess(home);
  if ((await runningLocal(home)) !== undefined) {
    if (whenRunning === 'refuse') throw new CodedError('services_running', `PizzaPi runs in ${root}`);
    return asProvisioner([await urlIn(home)], users.admin.nkeySeed, name, context, work);
  }
  const { binary } = await requireNatsServer(processContext(context.progress));
  const server = await launchNatsServer({
    ...{ binary, storeDir: home.nats, config: authorizationConfig(users, create) },
    // What fills an empty home begins again after a power cut, and is four times as fast.
    syncInterval: create === undefined ? 'always' : '1s',
    log: join(home.logs, 'nats-server.log'),
  });
  try {
    // The next local run has the same credentials.
    if (!isThere) await writeNatsAccess(home, { url: server.url, users, runnerToken: '' });
    return await asProvisioner([server.url], users.admin.nkeySeed, name, context, work);
  } finally {
    await server.stop();
  }
}

async function urlIn({ natsAccessFile }: Home): Promise<string> {
  const known = await readPrivateFile(natsAccessFile);
  const url = isMap(known) ? stringAt(known, 'url') : undefined;
  if (url === undefined) throw new CodedError('nats_unreachable', `${natsAccessFile} names no nats-server`);
  return url;
}

async function asProvisioner<T>(
  url: string[],
  nkey: string,
  name: string,
  { log, signal }: StoreContext,
  work: (admin: Backbone) => Promise<T>,
): Promise<T> {
  const admin = await connectBackbone({ url, nkey, provisioner: true, name, log, signal });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}
