import { pageUrl, type Logger, type OptionValues } from '@pizzapi/process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LocalBackbone } from './backbone.js';
import { Child } from './child.js';
import type { Home, NatsAccess } from './home.js';
import type { LOCAL_OPTIONS } from './options.js';

/** Variables of the person's that hold secrets, by their names. The runner alone gets those: models need keys. */
const SECRET = /(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_NKEY|_SEED|_ISSUER)$/;
/** Those of ours: nobody inherits one, each process is given what is its own. */
const OUR_SECRET = /^PIZZAPI(_.*)?(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_USER|_NKEY|_SEED|_ISSUER)$/;

export interface ChildrenOptions {
  home: Home;
  backbone: LocalBackbone;
  options: OptionValues<typeof LOCAL_OPTIONS>;
  /** Of the gateway. */
  port: number;
  env: NodeJS.ProcessEnv;
  log: Logger;
}

/** The processes beside nats-server and the file that each runs, in the order they start; they stop in the opposite one. */
const PROGRAMS = {
  authenticator: '@pizzapi/authenticator/main',
  projector: '@pizzapi/meta-projector/main',
  gateway: '@pizzapi/gateway/main',
  runner: '@pizzapi/runner/main',
} as const;
type Program = keyof typeof PROGRAMS;

export function describeChildren(options: ChildrenOptions): Child[] {
  const { home, log } = options;
  const own = environments(options);
  return (Object.keys(PROGRAMS) as Program[]).map(
    (name) =>
      new Child({
        ...{ name, log, env: own[name] },
        main: resolvePackage(PROGRAMS[name]),
        logFile: join(home.logs, `${name}.log`),
      }),
  );
}

/** What each process finds in its environment: what all share, and of secrets only its own. */
export function environments({
  backbone,
  options,
  port,
  env,
}: Pick<ChildrenOptions, 'options' | 'port' | 'env'> & { backbone: NatsAccess }): Record<Program, NodeJS.ProcessEnv> {
  const { url, users, runnerToken } = backbone;
  const storage = {
    PIZZAPI_ACCOUNT_STORAGE: String(options.accountStorage),
    PIZZAPI_SESSION_STORAGE: String(options.sessionStorage),
  };
  const shared = { PIZZAPI_HOME: options.home, PIZZAPI_LOG_LEVEL: options.logLevel, PIZZAPI_NATS_URL: url };
  const service = { ...without(env, SECRET), ...shared };
  // Everybody on this machine can reach the port; the owner comes in by a link.
  const signup = env['PIZZAPI_SIGNUP'] || 'closed';
  const notifying = {
    // The owner has the run of this machine anyway, and their ntfy may stand beside it. Others who sign up do not.
    PIZZAPI_NOTIFY_PRIVATE: env['PIZZAPI_NOTIFY_PRIVATE'] || String(signup === 'closed'),
  };
  return {
    authenticator: {
      ...service,
      ...storage,
      PIZZAPI_NATS_NKEY: users.authenticator.nkeySeed,
      PIZZAPI_NATS_ADMIN_NKEY: users.admin.nkeySeed,
      PIZZAPI_AUTH_ISSUER: users.issuerSeed,
    },
    projector: {
      ...service,
      ...notifying,
      PIZZAPI_NATS_NKEY: users.projector.nkeySeed,
      PIZZAPI_PUBLIC_URL: pageUrl(options.publicUrl, options.host, port),
    },
    gateway: {
      ...service,
      ...notifying,
      ...storage,
      PIZZAPI_LINK_STORAGE: String(options.linkStorage),
      PIZZAPI_NATS_NKEY: users.gateway.nkeySeed,
      PIZZAPI_HOST: options.host,
      PIZZAPI_PORT: String(port),
      ...(options.publicUrl === undefined ? {} : { PIZZAPI_PUBLIC_URL: options.publicUrl }),
      PIZZAPI_SIGNUP: signup,
      PIZZAPI_DASHBOARD: join(dirname(resolvePackage('@pizzapi/dashboard/package.json')), 'dist'),
    },
    runner: { ...without(env, OUR_SECRET), ...shared, PIZZAPI_RUNNER_TOKEN: runnerToken },
  };
}

function without(env: NodeJS.ProcessEnv, names: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)));
}

function resolvePackage(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier));
}
