import { GATEWAY_NODE_FLAGS, pageUrl, type Logger, type OptionValues } from '@pizzapi/process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Home, NatsAccess } from './home.js';
import type { LocalNatsServer } from './natsServer.js';
import type { LOCAL_OPTIONS } from './options.js';
import { SupervisedProcess } from './supervisedProcess.js';

/** Names of the user's variables that hold secrets. Only the runner receives them, because models need keys. */
const SECRET = /(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_NKEY|_SEED|_ISSUER)(_FILE)?$/;
/** Names of PizzaPi's own secrets. No process inherits them; each receives only its own. */
const OUR_SECRET = /^PIZZAPI(_.*)?(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_USER|_NKEY|_SEED|_ISSUER)(_FILE)?$/;

/** The gateway's own: the issuer that people sign in through, with the gateway's secret there. */
const OF_ISSUER = /^PIZZAPI_OIDC_/;

/** Variables that would end a process of a local run. */
const NOT_TOGETHER = { PIZZAPI_REBUILD: '' };

export interface ProcessesOptions {
  home: Home;
  natsServer: LocalNatsServer;
  options: OptionValues<typeof LOCAL_OPTIONS>;
  /** Port of the gateway. */
  port: number;
  env: NodeJS.ProcessEnv;
  log: Logger;
}

/** The processes other than nats-server and their entry files, in starting order. They stop in the reverse order. */
const PROGRAMS = {
  authenticator: '@pizzapi/authenticator/main',
  projector: '@pizzapi/meta-projector/main',
  gateway: '@pizzapi/gateway/main',
  runner: '@pizzapi/runner/main',
} as const;
export type LocalProgram = keyof typeof PROGRAMS;

/** The program that has to be ready before another one starts. A runner that comes before its authenticator is refused, and waits. */
const STARTS_AFTER: Partial<Record<LocalProgram, LocalProgram>> = { runner: 'authenticator' };

/** Returns the processes in starting order, without starting them. */
export function createProcesses(options: ProcessesOptions): SupervisedProcess[] {
  const { home, log } = options;
  const own = processEnvironments(options);
  const created = new Map<LocalProgram, SupervisedProcess>();
  for (const name of Object.keys(PROGRAMS) as LocalProgram[]) {
    const before = STARTS_AFTER[name];
    const after = before === undefined ? undefined : created.get(before);
    const supervised = new SupervisedProcess({
      ...{ name, log, env: own[name], ...(after === undefined ? {} : { after }) },
      main: programPath(name),
      nodeFlags: nodeFlags(name),
      logFile: join(home.logs, `${name}.log`),
    });
    created.set(name, supervised);
  }
  return [...created.values()];
}

/** Returns the path of the entry file of a program. */
export function programPath(program: LocalProgram): string {
  return resolvePackage(PROGRAMS[program]);
}

/** Returns the options of Node for a program. */
export function nodeFlags(program: LocalProgram): readonly string[] {
  return program === 'gateway' ? GATEWAY_NODE_FLAGS : [];
}

/** Returns the environment of each process: the shared variables, and only its own secrets. */
export function processEnvironments({
  natsServer,
  options,
  port,
  env,
}: Pick<ProcessesOptions, 'options' | 'port' | 'env'> & {
  natsServer: NatsAccess & Partial<Pick<LocalNatsServer, 'webSocketUrl'>>;
}): Record<LocalProgram, NodeJS.ProcessEnv> {
  const { url, webSocketUrl, users, runnerToken } = natsServer;
  const storage = {
    PIZZAPI_ACCOUNT_STORAGE: String(options.accountStorage),
    PIZZAPI_SESSION_STORAGE: String(options.sessionStorage),
  };
  const shared = { PIZZAPI_HOME: options.home, PIZZAPI_LOG_LEVEL: options.logLevel, PIZZAPI_NATS_URL: url };
  const partitions = { PIZZAPI_PARTITIONS: String(options.partitions) };
  const service = (program: LocalProgram) => ({ ...inheritedEnvironment(program, env), ...shared, ...partitions });
  // Every user of this machine can reach the port. The owner signs in with a link.
  const signup = env['PIZZAPI_SIGNUP'] || 'closed';
  const notifying = {
    // The owner controls this machine and may run an ntfy server in its network. Other accounts must not reach it.
    PIZZAPI_NOTIFY_PRIVATE: env['PIZZAPI_NOTIFY_PRIVATE'] || String(signup === 'closed'),
  };
  return {
    authenticator: {
      ...service('authenticator'),
      ...storage,
      PIZZAPI_NATS_NKEY: users.authenticator.nkeySeed,
      PIZZAPI_NATS_ADMIN_NKEY: users.admin.nkeySeed,
      PIZZAPI_AUTH_ISSUER: users.issuerSeed,
    },
    projector: {
      ...service('projector'),
      ...notifying,
      PIZZAPI_NATS_NKEY: users.projector.nkeySeed,
      PIZZAPI_PUBLIC_URL: pageUrl(options.publicUrl, options.host, port),
    },
    gateway: {
      ...service('gateway'),
      ...notifying,
      ...storage,
      PIZZAPI_LINK_STORAGE: String(options.linkStorage),
      PIZZAPI_NATS_NKEY: users.gateway.nkeySeed,
      ...(webSocketUrl === undefined ? {} : { PIZZAPI_NATS_WEBSOCKET_URL: webSocketUrl }),
      PIZZAPI_HOST: options.host,
      PIZZAPI_PORT: String(port),
      ...(options.publicUrl === undefined ? {} : { PIZZAPI_PUBLIC_URL: options.publicUrl }),
      PIZZAPI_LAN: String(options.lan),
      ...(options.lanAddresses === undefined ? {} : { PIZZAPI_LAN_ADDRESSES: options.lanAddresses }),
      ...(options.tlsCert === undefined ? {} : { PIZZAPI_TLS_CERT: options.tlsCert }),
      ...(options.tlsKey === undefined ? {} : { PIZZAPI_TLS_KEY: options.tlsKey }),
      PIZZAPI_SIGNUP: signup,
      ...pageFolders(),
    },
    runner: { ...inheritedEnvironment('runner', env), ...shared, PIZZAPI_RUNNER_TOKEN: runnerToken },
  };
}

/** Returns the user's variables that a program inherits: without the secrets of others, and without what would end it. */
export function inheritedEnvironment(program: LocalProgram, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (program === 'runner') return without(without(env, OUR_SECRET), OF_ISSUER);
  const inherited = { ...without(without(env, SECRET), OF_ISSUER), ...NOT_TOGETHER };
  return program === 'gateway' ? { ...inherited, ...only(env, OF_ISSUER) } : inherited;
}

/** Returns the variables for the folders that a gateway serves. */
export function pageFolders(): NodeJS.ProcessEnv {
  return {
    PIZZAPI_INSTALL: dirname(resolvePackage('pizzapi/install/install.sh')),
    PIZZAPI_DASHBOARD: join(dirname(resolvePackage('@pizzapi/dashboard/package.json')), 'dist'),
  };
}

function without(env: NodeJS.ProcessEnv, names: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)));
}

function only(env: NodeJS.ProcessEnv, names: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => names.test(name)));
}

function resolvePackage(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier));
}
