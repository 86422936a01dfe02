import { createApi } from '@pizzapi/session-client';
import type { ClusterViewersApi } from '../programs/clusterViewers.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { eventually, nowMs } from '../harness/clock.js';
import { digestsOf, problemsOfLog, readClusterLog } from '../harness/clusterLog.js';
import { startClusterStack, type ClusterStack } from '../harness/clusterStack.js';
import { startProgram } from '../harness/program.js';
import { rollingRestart, type RestartStep } from '../harness/rollingRestart.js';
import { median } from '../harness/stats.js';
import { SteadyInputs } from '../harness/steadyInputs.js';

/** Viewers of each of two sessions. */
const VIEWERS = { quick: 20, full: 100 };
const HOSTED_MS = 30_000;
/** How long a viewer may not be live after its gateway ended, in ms. */
const MOST_OUTAGE_MS = 2_000;

async function run(context: BenchContext): Promise<void> {
  const { report, quick, defer } = context;
  const from = nowMs();
  const env = { PIZZAPI_INTERRUPTED: 'continue', PIZZAPI_LOG_LEVEL: 'warn' };
  const stack = await startClusterStack({ env });
  defer(() => stack.clear());
  report.run('cluster', 'start of all processes', { 'ready s': (nowMs() - from) / 1_000 });
  const sids = await startSessions(stack);
  const viewers = startProgram<ClusterViewersApi>('clusterViewers', undefined);
  defer(() => viewers.stop());
  const count = quick ? VIEWERS.quick : VIEWERS.full;
  const { url, token } = stack;
  if (!(await viewers.call('open', { url, token, sids, count }))) throw new Error('the viewers do not become live');
  const writers = sids.map((sid) => new SteadyInputs(stack, sid));
  // The workers of a runner start again after it is ready. Until their agents answer, they take what the next step needs.
  const untilAnswering = async () => {
    const before = writers.map(({ accepted }) => accepted.length);
    const isAnswering = () => writers.every(({ accepted }, i) => accepted.length > before[i]! + 1);
    if (!(await eventually(isAnswering, HOSTED_MS, 50))) throw new Error('an agent does not answer after a restart');
  };
  const steps: RestartStep[] = [];
  await rollingRestart(stack, viewers, async (step) => {
    steps.push(step);
    const { process, signal, readyMs, outages } = step;
    report.run('cluster', `${process}, ${signal}, ${2 * count} viewers`, {
      'ready again ms': readyMs,
      'viewers interrupted': outages.length,
      'not live p50 ms': outages.length === 0 ? 0 : median(outages),
      'not live max ms': outages.at(-1) ?? 0,
    });
    if (process.startsWith('runner')) await untilAnswering();
  });
  await Promise.all(writers.map((writer) => writer.stop()));

  let problems = 0;
  let events = 0;
  for (const { sid, accepted } of writers) {
    const log = await readClusterLog(stack, sid);
    events += log.length;
    const digests = digestsOf(log);
    const seen = await viewers.call('digests', { sid, upTo: log.at(-1)?.seq ?? 0 });
    const found = problemsOfLog(log, accepted);
    if (!seen.all || seen.events.join() !== digests.events)
      found.push('a viewer received other events than the log has');
    if (seen.transcripts.join() !== digests.transcript) found.push('a viewer shows another transcript');
    if (seen.repeats > 0) found.push(`viewers received ${seen.repeats} events twice`);
    for (const problem of found) report.progress(`cluster: ${sid}: ${problem}`);
    problems += found.length;
  }
  report.run('cluster', 'after all restarts', {
    events,
    inputs: writers.reduce((sum, { accepted }) => sum + accepted.length, 0),
    'inputs sent again': writers.reduce((sum, { retries }) => sum + retries, 0),
    problems,
  });
  const longest = (signal: RestartStep['signal']) =>
    Math.max(
      ...steps
        .filter((step) => step.process.startsWith('gateway') && step.signal === signal)
        .map(({ outages }) => outages.at(-1) ?? 0),
    );
  const reach = (figure: string, unit: string, most: number, reached: number) =>
    report.reach({ bench: 'cluster', figure, unit, target: { most }, reached });
  reach('problems: events or inputs that were lost or doubled', '', 0, problems);
  reach(`${2 * count} viewers, gateway drained: longest time not live`, 'ms', MOST_OUTAGE_MS, longest('SIGTERM'));
  reach(`${2 * count} viewers, gateway killed: longest time not live`, 'ms', MOST_OUTAGE_MS, longest('SIGKILL'));
}

/** Starts a session on each of the two runners. */
async function startSessions({ url, token, project: cwd }: ClusterStack): Promise<string[]> {
  const api = createApi({ url, token });
  const listed = await api.runners();
  if (listed.kind === 'failed') throw new Error(listed.error.message);
  const sids: string[] = [];
  for (const { runnerId } of listed.value.runners) {
    const started = await api.createSession({ runnerId, cwd, model: 'demo/demo' });
    if (started.kind === 'failed') throw new Error(started.error.message);
    const { sessionId } = started.value;
    const isHosted = async () => {
      const reply = await api.session(sessionId);
      return reply.kind === 'ok' && reply.value.session.host === 'connected';
    };
    if (!(await eventually(isHosted, HOSTED_MS, 50))) throw new Error(`the worker of ${sessionId} does not connect`);
    sids.push(sessionId);
  }
  return sids;
}

export const cluster: Bench = {
  name: 'cluster',
  title: 'a rolling restart of every process of a cluster, with viewers',
  run,
};
