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
  await publisher.call('bareBurst', { sids: newSids(SESSIONS), each: 40, bytes: BYTES });
  const ratios: number[] = [];
  for (let i = 0; i < (quick ? 2 : 5); i++) {
    const before = cpuSeconds(nats.pid);
    const {
      sent,
      ms,
      cpuSeconds: host,
      failed,
    } = await publisher.call('burst', { sids, each: quick ? 100 : 300, bytes: BYTES, ahead: 1 });
    const server = (cpuSeconds(nats.pid) ?? Number.NaN) - (before ?? Number.NaN);
    const bare = await publisher.call('bareBurst', { sids: newSids(SESSIONS), each: quick ? 100 : 300, bytes: BYTES });
    ratios.push(host / sent / (bare.cpuSeconds / bare.sent));
    report.run('append', `${SESSIONS} sessions, one event in flight each, ${BYTES} B`, {
      'events/s': (sent / ms) * 1_000,
      'host µs/event': (host / sent) * 1e6,
      'bare µs/event': (bare.cpuSeconds / bare.sent) * 1e6,
      ratio: ratios.at(-1)!,
      'nats µs/event': (server / sent) * 1e6,
      ...(Object.keys(failed).length === 0 ? {} : { failed: JSON.stringify(failed) }),
    });
  }
  report.reach({
    bench: 'append',
    figure: 'host CPU per appended event ÷ a publisher without a spool',
    unit: '×',
    target: { most: 1.3 },
    reached: median(ratios),
  });
}

export const append: Bench = { name: 'append', title: 'CPU of a host per appended event', run };
