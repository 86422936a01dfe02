import {
  bucket,
  connectBackbone,
  provision,
  type Backbone,
  type BackboneOptions,
  type ProvisionOptions,
} from '@pizzapi/backbone';
import { startTestCluster, startTestNats, type TestCluster, type TestNats } from '@pizzapi/backbone/testing';
import {
  createMetrics,
  mintToken,
  secretHash,
  silentLogger,
  tokenHint,
  type Metrics,
  type NatsCredentials,
} from '@pizzapi/process';
import { newId, type AccountRow, type KeyRow, type RunnerRight } from '@pizzapi/protocol';
import { createAuthenticator, type Authenticator, type AuthenticatorOptions } from '../app.js';
import { parseConnectionName } from '../connectionName.js';
import { listConnections } from '../connections.js';
import { generateCredentials } from '../credentials.js';
import { authorizationConfig } from '../natsConfig.js';

/** A nats-server with all its permissions, provisioned, and an authenticator that runs: as in production. */
export interface SecuredNats extends Secured {
  readonly nats: TestNats;
  readonly url: string;
}

/** The same on a cluster of three servers, with three copies of everything. */
export interface SecuredCluster extends Secured {
  readonly cluster: TestCluster;
}

/** What runs at the servers. */
interface Secured {
  readonly credentials: NatsCredentials;
  /** With the provisioner's login: may do everything. */
  readonly admin: Backbone;
  readonly authenticator: Authenticator;
  readonly metrics: Metrics;
  /** A connection with the login of a service. */
  connectAs(
    role: 'admin' | 'gateway' | 'projector' | 'authenticator',
    more?: Partial<BackboneOptions>,
  ): Promise<Backbone>;
  /** One more authenticator, at the address of one server where one is given. */
  addAuthenticator(url?: string): Promise<Authenticator>;
  /** A runner token of this account, which is made when it is not there. */
  newRunnerToken(
    userId: string,
    more?: { expiresAt?: number; createdAt?: number; allow?: RunnerRight[] },
  ): Promise<string>;
  revokeToken(token: string): Promise<void>;
  disableAccount(userId: string): Promise<void>;
  /** Who is connected as a host, by `connectionName`. */
  connectedHosts(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Options of the authenticator, apart from how it connects. */
export type SecuredOptions = Pick<
  Partial<AuthenticatorOptions>,
  'storage' | 'sweepMs' | 'secondLookMs' | 'retention'
> & {
  /** Path of another nats-server than the one that the product finds. */
  binary?: string;
  partitions?: number;
};

export async function startSecuredNats({
  binary,
  partitions = 1,
  ...options
}: SecuredOptions = {}): Promise<SecuredNats> {
  const credentials = generateCredentials();
  const nats = await startTestNats({
    config: authorizationConfig(credentials, { partitions }),
    ...(binary === undefined ? {} : { binary }),
  });
  const secured = await secure([nats.url], credentials, { ...options, partitions }, {});
  return { ...secured, nats, url: nats.url, stop: () => secured.stop().then(() => nats.stop()) };
}

/** Starts a cluster like that. The first authenticator runs at the first server. */
export async function startSecuredCluster(): Promise<SecuredCluster> {
  const credentials = generateCredentials();
  const cluster = await startTestCluster({ config: authorizationConfig(credentials) });
  const secured = await secure(cluster.urls, credentials, {}, { replicas: 3 });
  return { ...secured, cluster, stop: () => secured.stop().then(() => cluster.stop()) };
}

async function secure(
  urls: readonly string[],
  credentials: NatsCredentials,
  { partitions = 1, ...options }: Omit<SecuredOptions, 'binary'>,
  provisioning: ProvisionOptions,
): Promise<Secured> {
  const open: Backbone[] = [];
  const authenticators: Authenticator[] = [];
  const keep = (b: Backbone): Backbone => {
    open.push(b);
    return b;
  };
  const connectAs: SecuredNats['connectAs'] = async (role, more = {}) =>
    keep(
      await connectBackbone({
        ...{ url: [...urls], name: role, nkey: credentials[role].nkeySeed, provisioner: role === 'admin', partitions },
        ...more,
      }),
    );
  const admin = await connectAs('admin');
  await provision(admin, provisioning);

  const metrics = createMetrics();
  const addAuthenticator = async (url = urls[0]!): Promise<Authenticator> => {
    const authenticator = createAuthenticator({
      backbone: await connectAs('authenticator', { url }),
      admin,
      issuerSeed: credentials.issuerSeed,
      ...options,
      log: silentLogger,
      metrics,
    });
    authenticators.push(authenticator);
    void authenticator.run();
    while (!authenticator.ready()) await new Promise((resolve) => setTimeout(resolve, 5));
    return authenticator;
  };
  const caller = await connectAs('authenticator');
  const accounts = bucket<AccountRow>(admin, 'accounts');
  const keys = bucket<KeyRow>(admin, 'api-keys');
  return {
    credentials,
    admin,
    authenticator: await addAuthenticator(),
    metrics,
    connectAs,
    addAuthenticator,
    async newRunnerToken(userId, more = {}) {
      await accounts.create(`user.${userId}`, { userId, name: userId, role: 'member', createdAt: Date.now() });
      const token = mintToken('runner');
      await keys.put(secretHash(token), {
        id: newId('k'),
        userId,
        kind: 'runner',
        name: 'test',
        hint: tokenHint(token),
        createdAt: Date.now(),
        ...more,
      });
      return token;
    },
    async revokeToken(token) {
      await keys.delete(secretHash(token));
    },
    async disableAccount(userId) {
      const found = await accounts.get(`user.${userId}`);
      if (found === undefined) throw new Error(`There is no account ${userId}`);
      await accounts.put(`user.${userId}`, { ...found.value, disabledAt: Date.now() });
    },
    async connectedHosts() {
      const names = (await listConnections(caller)).map(({ name }) => name);
      return names.filter((name) => parseConnectionName(name) !== undefined);
    },
    async stop() {
      await Promise.all(authenticators.map((authenticator) => authenticator.stop()));
      await Promise.all(open.map((b) => b.close()));
    },
  };
}
