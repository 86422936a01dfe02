import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { createSession, runnerOf, startBenchStack } from '../harness/localStack.js';
import { median, quantile } from '../harness/stats.js';

/** The pause between two sessions, in which the next warm worker starts. People do not start sessions faster either. */
const PAUSE_MS = 2_500;

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const stage = await startBenchStack(context);
  const runnerId = await runnerOf(stage);
  const times: number[] = [];
  for (let i = 0; i < (quick ? 6 : 20); i++) {
    await delay(PAUSE_MS);
    const from = nowMs();
    const sid = await createSession(stage, { runnerId, cwd: stage.project, model: 'demo/demo' });
    times.push(nowMs() - from);
    await stage.api('DELETE', `/api/sessions/${sid}`);
  }
  report.run('spawn', `${times.length} new sessions, one after another, a warm worker waiting`, {
    'ready p50 ms': median(times),
    'ready p95 ms': quantile(times, 0.95),
    'max ms': Math.max(...times),
  });
  report.reach({
    bench: 'spawn',
    figure: 'new session ready, warm worker, p95',
    unit: 'ms',
    target: { most: 500 },
    reached: quantile(times, 0.95),
  });
}

export const spawn: Bench = { name: 'spawn', title: 'request for a session to its being ready', run };
