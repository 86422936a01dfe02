import {
  createMetrics,
  defineOptions,
  OPTIONS,
  parseFlags,
  readOptions,
  runService,
  withHealthServer,
  type Logger,
  type Metrics,
  type OptionsSpec,
  type OptionValues,
  type Service,
  type ServiceHealthOptions,
} from '@pizzapi/process';
import { connectBackbone, type Backbone, type BackboneOptions } from './connection.js';
import { natsLoginOf } from './natsLogin.js';
import { verifyProvisioned } from './provision.js';

const { natsUrl, natsNkey, natsUser, natsPassword, healthPort, healthHost, partitions } = OPTIONS;
/** The options that this file reads. A service without those of a user and a password has an nkey. */
const SHARED = defineOptions({ natsUrl, natsNkey, natsUser, natsPassword, healthPort, healthHost, partitions });

/** What a service is built of. */
export interface BackboneServiceParts<T extends OptionsSpec> {
  options: OptionValues<T>;
  /** With the login of the service; the streams have been provisioned. */
  backbone: Backbone;
  /** One more connection to the same servers. */
  connect: (more: Partial<BackboneOptions> & { name: string }) => Promise<Backbone>;
  metrics: Metrics;
  log: Logger;
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
}

/** A service that is built, and what its health server shows. */
export interface BuiltService extends Pick<ServiceHealthOptions, 'ready' | 'release'> {
  /** Called when the health server listens. */
  start: () => Service | Promise<Service>;
  metrics?: ServiceHealthOptions['metrics'];
}

/**
 * Runs a service as a process: reads its options, connects it to nats-server, serves its health, and closes its connection when it
 * has stopped. `check` throws for options with which no connection is tried.
 */
export async function runBackboneService<const T extends OptionsSpec>(
  name: string,
  { about, options: spec, check }: { about: string; options: T; check?: (options: OptionValues<T>) => void },
  build: (parts: BackboneServiceParts<T>) => Promise<BuiltService>,
): Promise<void> {
  const flags = parseFlags(name, about, spec);
  await runService(
    name,
    async ({ log, signal, env }) => {
      const options = readOptions(spec, flags, env);
      check?.(options);
      const { healthPort: port, healthHost: host, natsUser: user, ...shared } = readOptions(SHARED, flags, env);
      const login = { ...shared, natsUser: 'natsUser' in spec ? user : undefined };
      const connect = (more: Partial<BackboneOptions> & { name: string }): Promise<Backbone> =>
        connectBackbone({ ...natsLoginOf(login), log, signal, ...more });
      const backbone = await connect({ name });
      await verifyProvisioned(backbone);
      const metrics = createMetrics({ process: true });
      const built = await build({ options, backbone, connect, metrics, log, signal, env });
      return withHealthServer(built.start, {
        ...{ port, host, ready: built.ready, metrics: built.metrics ?? metrics, log },
        release: () => Promise.all([backbone.close(), built.release?.()]),
      });
    },
    { stopWithParent: true },
  );
}
