import type { Bench, BenchContext } from '../harness/bench.js';
import { cpuSeconds } from '../harness/cpu.js';
import { newSids, startPublisher } from '../harness/loadClients.js';
import { startNats } from '../harness/processes.js';
import { median } from '../harness/stats.js';

const SESSIONS = 256;
const BYTES = 300;

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const nats = await startNats(context);
  const publisher = await startPublisher(context, nats);
  const sids = newSids(SESSIONS);
  await publisher.call('open', { sids });
  await publisher.call('burst', { sids, each: 40, bytes: BYTES, ahead: 1 });
  const costs: number[] = [];
  for (let i = 0; i < (quick ? 2 : 4); i++) {
    const before = cpuSeconds(nats.pid);
    const {
      sent,
      ms,
      cpuSeconds: host,
      failed,
    } = await publisher.call('burst', { sids, each: quick ? 100 : 300, bytes: BYTES, ahead: 1 });
    const server = (cpuSeconds(nats.pid) ?? Number.NaN) - (before ?? Number.NaN);
    costs.push((host / sent) * 1e6);
    report.run('append', `${SESSIONS} sessions, one event in flight each, ${BYTES} B`, {
      'events/s': (sent / ms) * 1_000,
      'host µs/event': costs.at(-1)!,
      'nats µs/event': (server / sent) * 1e6,
      ...(Object.keys(failed).length === 0 ? {} : { failed: JSON.stringify(failed) }),
    });
  }
  report.reach({
    bench: 'append',
    figure: 'host CPU per appended event, pipelined over sessions',
    unit: 'µs',
    target: { most: 15 },
    reached: median(costs),
  });
}

export const append: Bench = { name: 'append', title: 'CPU of a host per appended event', run };
