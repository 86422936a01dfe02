import { isOk, onlineRunners, untilReady, type ReadinessOptions } from '@pizzapi/local';
import type { ClusterProcess } from './processes.js';

/** Time limit until all processes are ready, in ms. */
const READY_TIMEOUT_MS = 90_000;
const RUNNERS = 2;

export interface ClusterReadinessOptions extends Pick<ReadinessOptions, 'signal' | 'home'> {
  /** The address of the load balancer. */
  url: string;
  gateways: readonly string[];
  /** The owner's bearer token. */
  token: string;
  processes: readonly ClusterProcess[];
}

/**
 * Waits until every process reports that it is ready, every gateway lists both runners as online, and the load balancer
 * answers. Throws as `untilReady` does.
 */
export async function untilClusterReady(options: ClusterReadinessOptions): Promise<void> {
  const { signal, home } = options;
  const processes = options.processes.map(({ supervised }) => supervised);
  await untilReady({ missing: () => missingPart(options), processes, timeoutMs: READY_TIMEOUT_MS, signal, home });
}

/** Returns the name of a part that is not ready, or undefined. */
async function missingPart({ url, gateways, token, processes }: ClusterReadinessOptions): Promise<string | undefined> {
  for (const { supervised, health } of processes)
    if (health !== undefined && !(await isOk(`${health}/readyz`))) return supervised.name;
  for (const gateway of gateways)
    if ((await onlineRunners(gateway, token)) < RUNNERS) return `a runner, at ${gateway},`;
  return (await isOk(`${url}/readyz`)) ? undefined : 'load-balancer';
}
