import type { ClusterViewersApi } from '../programs/clusterViewers.js';
import { nowMs } from './clock.js';
import type { ClusterStack } from './clusterStack.js';
import type { Program } from './program.js';

/** One step of a rolling restart. */
export interface RestartStep {
  process: string;
  signal: 'SIGTERM' | 'SIGKILL';
  /** Time until the next process was ready, in ms. */
  readyMs: number;
  /** How long each viewer that was interrupted was not live, in ms, in ascending order. */
  outages: number[];
}

/** Every process that is restarted, in order. A gateway and the active projector are killed at the end. */
const IN_ORDER = [
  ...['nats-1', 'nats-2', 'nats-3'],
  ...['gateway-1', 'gateway-2', 'projector-1', 'projector-2', 'authenticator-1', 'authenticator-2'],
  ...['runner-1', 'runner-2'],
];

/** Restarts every process of a cluster, one after the other, each when the one before is ready and all viewers are live. */
export async function rollingRestart(
  stack: ClusterStack,
  viewers: Program<ClusterViewersApi>,
  onStep: (step: RestartStep) => void,
): Promise<void> {
  const step = async (process: string, signal: RestartStep['signal']): Promise<void> => {
    const from = nowMs();
    await stack.restart(process, signal);
    const readyMs = nowMs() - from;
    const { all, outages, closed } = await viewers.call('outages', {});
    if (!all || closed > 0) throw new Error(`not all viewers are live after ${process} was restarted`);
    onStep({ process, signal, readyMs, outages });
  };
  for (const process of IN_ORDER) await step(process, 'SIGTERM');
  await step('gateway-1', 'SIGKILL');
  await step(await stack.activeProjector(), 'SIGKILL');
}
