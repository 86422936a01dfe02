import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS, type BackboneCounts, type Metrics } from '@pizzapi/process';
import type { RunnerLoad } from '@pizzapi/protocol';
import type { RunnerHome } from '../home.js';
import { spoolDir } from './directLogWriter.js';
import { WorkerCounts } from './workerCounts.js';

/** What the daemon counts. Names are in the table of @pizzapi/process. */
export function createRunnerMetrics(metrics: Metrics) {
  return {
    commands: metrics.counter(METRICS.runnerCommands, 'Commands answered: "ok", or the code of the error', ['outcome']),
    workers: new WorkerCounts(),
    workerRestarts: metrics.counter(METRICS.runnerWorkerRestarts, 'Restarts of workers that died'),
  };
}

export type RunnerMetrics = ReturnType<typeof createRunnerMetrics>;

/** Shows how many sessions are awake and how much of them waits for the backbone, as it is when somebody asks. */
export function exportSessionMetrics(
  metrics: Metrics,
  home: RunnerHome,
  all: () => readonly { isAwake: boolean }[],
  workers: Pick<WorkerCounts, 'paused' | 'spools'>,
): void {
  const sessions = metrics.gauge(METRICS.runnerSessions, 'Sessions of this runner', ['state']);
  const paused = metrics.gauge(METRICS.runnerPaused, 'Sessions that wait because their spool is full');
  const spool = metrics.gauge(METRICS.runnerSpoolBytes, 'Bytes of events that wait in spools for nats-server');
  metrics.beforeRender(async () => {
    const hosts = all();
    const awake = hosts.filter(({ isAwake }) => isAwake).length;
    sessions.set({ state: 'awake' }, awake);
    sessions.set({ state: 'asleep' }, hosts.length - awake);
    paused.set(workers.paused);
    spool.set(await spooledBytes(spoolDir(home), workers.spools));
  });
}

/** What the runner does now, for an operator. */
export async function readLoad({
  home,
  hosts,
  counters,
  workers,
}: {
  home: RunnerHome;
  hosts: readonly { isAwake: boolean; status: { state: string } }[];
  counters: BackboneCounts;
  workers: WorkerCounts;
}): Promise<RunnerLoad> {
  const awake = hosts.filter(({ isAwake }) => isAwake).length;
  const { eventsAppended: events } = await workers.total(counters);
  const spoolBytes = await spooledBytes(spoolDir(home), workers.spools);
  return {
    ...{ awake, asleep: hosts.length - awake, paused: workers.paused, events, spoolBytes },
    working: hosts.filter(({ status }) => status.state === 'working').length,
  };
}

/**
 * The bytes that wait, of sessions without a worker by the size of the file. A worker keeps events in its file for a while that
 * are in the log already, so that it is asked.
 */
async function spooledBytes(folder: string, waiting: ReadonlyMap<string, number>): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names
    .filter((name) => name.endsWith('.spool'))
    .map(async (name) => waiting.get(name.slice(0, -'.spool'.length)) ?? (await sizeOf(join(folder, name))));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );
