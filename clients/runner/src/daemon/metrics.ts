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
  workers: Pick<WorkerCounts, 'paused'>,
): void {
  const sessions = metrics.gauge(METRICS.runnerSessions, 'Sessions of this runner', ['state']);
  const paused = metrics.gauge(METRICS.runnerPaused, 'Sessions that wait because their spool is full');
  const spool = metrics.gauge(METRICS.runnerSpoolBytes, 'Bytes in the spools of events');
  metrics.beforeRender(async () => {
    const hosts = all();
    const awake = hosts.filter(({ isAwake }) => isAwake).length;
    sessions.set({ state: 'awake' }, awake);
    sessions.set({ state: 'asleep' }, hosts.length - awake);
    paused.set(workers.paused);
    spool.set(await spooledBytes(spoolDir(home)));
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
  const [{ eventsAppended: events }, spoolBytes] = await Promise.all([
    workers.total(counters),
    spooledBytes(spoolDir(home)),
  ]);
  return {
    ...{ awake, asleep: hosts.length - awake, paused: workers.paused, events, spoolBytes },
    working: hosts.filter(({ status }) => status.state === 'working').length,
  };
}

/** From the disk: a worker reports its spool only when something else changes, and one that died not at all. */
async function spooledBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.spool')).map((name) => join(folder, name));
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
