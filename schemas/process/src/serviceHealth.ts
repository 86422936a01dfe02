import { createHealthServer, type HealthOptions } from './health.js';
import type { Logger } from './logger.js';
import type { Service } from './service.js';

export interface ServiceHealthOptions extends Pick<HealthOptions, 'ready' | 'metrics'> {
  /** The port of the health server; undefined = none. */
  port: number | undefined;
  log: Logger;
  /** Releases what the service used, such as its connections. Called after the service has stopped. */
  release: () => Promise<unknown>;
}

/** Returns the service with a health server, which closes when the service has stopped. Throws `port_in_use`. */
export async function withHealthServer(service: Service, options: ServiceHealthOptions): Promise<Service> {
  const { port, log, release, ready, metrics } = options;
  const health = port === undefined ? undefined : await createHealthServer({ port, ready, metrics });
  if (health !== undefined) log.info({ port: health.port }, 'health');
  return {
    name: service.name,
    run: () => service.run(),
    drain: () => service.drain(),
    async stop() {
      await service.stop();
      await health?.close();
      await release();
    },
  };
}
