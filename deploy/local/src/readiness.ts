import { sleep } from '@pizzapi/process';
import { CodedError, isMap } from '@pizzapi/protocol';
import { join } from 'node:path';
import type { Home } from './home.js';
import type { SupervisedProcess } from './supervisedProcess.js';

const POLL_MS = 100;
const ANSWER_MS = 2_000;

export interface ReadinessOptions {
  /** Returns the name of a part that is not ready, or undefined. */
  missing: () => Promise<string | undefined>;
  processes: readonly Pick<SupervisedProcess, 'name' | 'lastExit'>[];
  timeoutMs: number;
  signal: AbortSignal;
  home: Home;
}

/**
 * Waits until no part is missing. Throws `start_failed` when a process ends or the time limit passes, and `start_stopped` when the
 * signal aborts.
 */
export async function untilReady({ missing, processes, timeoutMs, signal, home }: ReadinessOptions): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const part = await missing();
    if (part === undefined) return;
    if (signal.aborted) throw new CodedError('start_stopped', 'The start was stopped before all processes were ready');
    const failed = processes.find(({ lastExit }) => lastExit !== undefined)?.name;
    if (failed !== undefined)
      throw new CodedError(
        'start_failed',
        `The process ${failed} ended during the start; see ${join(home.logs, `${failed}.log`)}`,
      );
    if (Date.now() > until)
      throw new CodedError(
        'start_failed',
        `${part} was not ready after ${timeoutMs / 1000} s; see the logs in ${home.logs}`,
      );
    await sleep(POLL_MS);
  }
}

/** Whether an address answers with success, such as `/readyz` of a process. */
export async function isOk(address: string): Promise<boolean> {
  return (await answer(address))?.ok === true;
}

/** How many runners a gateway lists as online to the owner. */
export async function onlineRunners(gateway: string, token: string): Promise<number> {
  const reply = await answer(`${gateway}/api/runners`, { authorization: `Bearer ${token}` });
  if (reply?.ok !== true) return 0;
  const body: unknown = await reply.json().catch(() => undefined);
  const runners = isMap(body) && Array.isArray(body['runners']) ? body['runners'] : [];
  return runners.filter((runner) => isMap(runner) && runner['online'] === true).length;
}

async function answer(address: string, headers: Record<string, string> = {}): Promise<Response | undefined> {
  return fetch(address, { headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
}
