import { findFreePort } from '@pizzapi/nats-server';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Bench, BenchContext } from '../harness/bench.js';
import { bigStream } from '../harness/bigStream.js';
import { eventually, nowMs } from '../harness/clock.js';
import { CORES, cpuSeconds, pinned } from '../harness/cpu.js';
import { stopChild } from '../harness/program.js';
import { builtMain } from '../harness/processes.js';

/** Catching up on a store that was just written takes as long as a rebuild. */
const CATCH_UP_MS = 120_000;

async function run(context: BenchContext): Promise<void> {
  const { report, defer } = context;
  const main = builtMain('services/meta-projector/dist/bundle/main.js');
  const { nats, events } = await bigStream(context);
  const health = await findFreePort();
  const start = (flags: string[], env: NodeJS.ProcessEnv = {}) => {
    const [command, args] = pinned(CORES?.server, process.execPath, [main, ...flags]);
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, PIZZAPI_NATS_URL: nats.url, PIZZAPI_LOG_LEVEL: 'error', ...env },
    });
    defer(() => stopChild(child));
    return child;
  };
  const projector = start([], { PIZZAPI_HEALTH_PORT: String(health) });
  projector.stderr!.resume();
  const cursor = async () => {
    const reply = await fetch(`http://127.0.0.1:${health}/metrics`).catch(() => undefined);
    return Number(/pizzapi_projector_cursor\{stream="SESSIONS"\} (\d+)/.exec((await reply?.text()) ?? '')?.[1] ?? 0);
  };
  report.progress('rebuild: waiting for the projector to be at the head of the log');
  if (!(await eventually(async () => (await cursor()) >= events, CATCH_UP_MS, 100)))
    throw new Error('the projector did not catch up');

  const rebuilding = start(['--rebuild']);
  const before = cpuSeconds(projector.pid!) ?? Number.NaN;
  let from = 0;
  let foldedAt = 0;
  let doneAt = 0;
  for await (const line of createInterface({ input: rebuilding.stderr! })) {
    report.progress(line);
    if (line.includes('requested')) from = nowMs();
    else if (line.includes(`offset ${events} of`)) foldedAt ||= nowMs();
    else if (line.includes('done')) doneAt = nowMs();
  }
  if (from === 0 || doneAt === 0) throw new Error('the rebuild did not end');
  const perSecond = (events / (doneAt - from)) * 1_000;
  report.run('rebuild', `${events.toLocaleString('en')} events, 251 sessions`, {
    'events/s': perSecond,
    'folding ms': foldedAt - from,
    'swapping ms': doneAt - foldedAt,
    'projector µs/event': (((cpuSeconds(projector.pid!) ?? Number.NaN) - before) / events) * 1e6,
  });
  report.reach({
    bench: 'rebuild',
    figure: 'projector rebuild',
    unit: 'events/s',
    target: { least: 20_000 },
    reached: perSecond,
  });
}

export const rebuild: Bench = { name: 'rebuild', title: 'the projector refolds the whole log', run };
