import { createHealthServer, type HealthOptions, type HealthServer } from './health.js';
import type { Logger } from './logger.js';
import type { Service } from './service.js';

export interface ServiceHealthOptions extends Pick<HealthOptions, 'ready' | 'metrics'> {
  /** The port of the health server; undefined = none. */
  port: number | undefined;
  /** The address of the health server. */
  host: string;
  log: Logger;
  /** Releases what the service used, such as its connections. Called after the service has stopped. */
  release?: () => Promise<unknown>;
}

/**
 * Starts a health server, then the service: a process is alive, and not ready, while its service starts. The health server
 * closes when the service has stopped. Throws `port_in_use`, and what the start throws.
 */
export async function withHealthServer(
  start: () => Service | Promise<Service>,
  options: ServiceHealthOptions,
): Promise<Service> {
  const { port, host, log, release, ready, metrics } = options;
  const health = port === undefined ? undefined : await createHealthServer({ port, host, ready, metrics });
  if (health !== undefined) log.info({ port: health.port }, 'health');
  const service = await startOrClose(start, health);
  return {
    name: service.name,
    run: () => service.run(),
    drain: () => service.drain(),
    async stop() {
      await service.stop();
      await health?.close();
      await release?.();
    },
  };
}

async function startOrClose(
  start: () => Service | Promise<Service>,
  health: HealthServer | undefined,
): Promise<Service> {
  try {
    return await start();
  } catch (error) {
    await health?.close();
    throw error;
  }
}
