import { RELEASES_FILE } from '@pizzapi/cluster';
import { isMap, stringAt } from '@pizzapi/protocol';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** The processes in the order of an upgrade: hosts come last, since a relay of the next release serves those before it. */
const UPGRADE = [
  ...['authenticator-1', 'authenticator-2', 'projector-1', 'projector-2', 'gateway-1', 'gateway-2'],
  ...['runner-1', 'runner-2'],
];

/** Where a roll leads: to the release in a checkout, or to the present one. */
export interface Roll {
  to: { checkout: string } | 'present';
}

/**
 * Rolls every process to another release, one after the other, each when the one before is ready and all viewers are live. The
 * way back to an earlier release is in the reverse order.
 */
export async function rollingUpgrade(
  stack: ClusterStack,
  viewers: Program<ClusterViewersApi>,
  { to }: Roll,
  onStep: (step: RestartStep) => void | Promise<void>,
): Promise<void> {
  const releases: Record<string, string> =
    to === 'present' ? Object.fromEntries(UPGRADE.map((name) => [name, olderOf(stack, name)])) : {};
  for (const name of to === 'present' ? UPGRADE : UPGRADE.toReversed()) {
    if (to === 'present') delete releases[name];
    else releases[name] = to.checkout;
    writeFileSync(join(stack.home, RELEASES_FILE), JSON.stringify(releases));
    await onStep(await restartStep(stack, viewers, name, 'SIGTERM'));
  }
}

/** The checkout that a process runs from now. */
function olderOf({ home }: ClusterStack, name: string): string {
  const value: unknown = JSON.parse(readFileSync(join(home, RELEASES_FILE), 'utf8'));
  return isMap(value) ? (stringAt(value, name) ?? '') : '';
}

/** Restarts one process, and waits until it is ready and all viewers are live. */
async function restartStep(
  stack: ClusterStack,
  viewers: Program<ClusterViewersApi>,
  process: string,
  signal: RestartStep['signal'],
): Promise<RestartStep> {
  const from = nowMs();
  await stack.restart(process, signal);
  const readyMs = nowMs() - from;
  const { all, outages, notLive } = await viewers.call('outages', {});
  if (!all) throw new Error(`not all viewers are live after ${process} was restarted: ${notLive.join(', ')}`);
  return { process, signal, readyMs, outages };
}

/**
 * Restarts every process of a cluster, one after the other, each when the one before is ready, all viewers are live and `onStep` has
 * ended.
 */
export async function rollingRestart(
  stack: ClusterStack,
  viewers: Program<ClusterViewersApi>,
  onStep: (step: RestartStep) => void | Promise<void>,
): Promise<void> {
  const step = async (process: string, signal: RestartStep['signal']) => {
    await onStep(await restartStep(stack, viewers, process, signal));
  };
  for (const process of IN_ORDER) await step(process, 'SIGTERM');
  await step('gateway-1', 'SIGKILL');
  await step(await stack.activeProjector(), 'SIGKILL');
}
