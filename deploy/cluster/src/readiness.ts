import type { Home } from '@pizzapi/local';
import { sleep } from '@pizzapi/process';
import { CodedError, isMap } from '@pizzapi/protocol';
import { join } from 'node:path';
import type { ClusterProcess } from './processes.js';

/** Time limit until all processes are ready, in ms. */
const READY_TIMEOUT_MS = 90_000;
const READY_POLL_MS = 100;
const ANSWER_MS = 2_000;
const RUNNERS = 2;

export interface ReadinessOptions {
  /** The address of the load balancer. */
  url: string;
  gateways: readonly string[];
  /** The owner's bearer token. */
  token: string;
  processes: readonly ClusterProcess[];
  signal: AbortSignal;
  home: Home;
}

/**
 * Waits until every process reports that it is ready, every gateway lists both runners as online, and the load balancer
 * answers. Throws `start_failed` when a process ends or the time limit passes, and `start_stopped` when the signal aborts.
 */
export async function untilClusterReady(options: ReadinessOptions): Promise<void> {
  const { processes, signal, home } = options;
  const until = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const missing = await notReady(options);
    if (missing === undefined) return;
    if (signal.aborted) throw new CodedError('start_stopped', 'The start was stopped before all processes were ready');
    const failed = processes.find(({ supervised }) => supervised.lastExit !== undefined)?.supervised.name;
    if (failed !== undefined)
      throw new CodedError(
        'start_failed',
        `The process ${failed} ended during the start; see ${join(home.logs, `${failed}.log`)}`,
      );
    if (Date.now() > until)
      throw new CodedError(
        'start_failed',
        `${missing} was not ready after ${READY_TIMEOUT_MS / 1000} s; see the logs in ${home.logs}`,
      );
    await sleep(READY_POLL_MS);
  }
}

/** Returns the name of a part that is not ready, or undefined. */
async function notReady({ url, gateways, token, processes }: ReadinessOptions): Promise<string | undefined> {
  for (const { supervised, health } of processes)
    if (health !== undefined && !(await isOk(`${health}/readyz`))) return supervised.name;
  for (const gateway of gateways) if (!(await listsRunners(gateway, token))) return `a runner, at ${gateway},`;
  return (await isOk(`${url}/readyz`)) ? undefined : 'load-balancer';
}

async function isOk(address: string): Promise<boolean> {
  return (await answer(address))?.ok === true;
}

async function listsRunners(gateway: string, token: string): Promise<boolean> {
  const reply = await answer(`${gateway}/api/runners`, { authorization: `Bearer ${token}` });
  if (reply?.ok !== true) return false;
  const body: unknown = await reply.json().catch(() => undefined);
  const runners = isMap(body) && Array.isArray(body['runners']) ? body['runners'] : [];
  return runners.filter((runner) => isMap(runner) && runner['online'] === true).length >= RUNNERS;
}

async function answer(address: string, headers: Record<string, string> = {}): Promise<Response | undefined> {
  return fetch(address, { headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
}
