import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { cpuSeconds } from '../harness/cpu.js';
import { joining, newSids, startLoadClients } from '../harness/loadClients.js';
import { Histogram } from '../harness/stats.js';

interface Load {
  what: string;
  sessions: number;
  viewers: number;
  perSecond: number;
  bytes: number;
}

const DURABLE: Load = { what: '100 sessions × 10 viewers', sessions: 100, viewers: 10, perSecond: 2_000, bytes: 300 };
const HOT: Load = { what: 'one session × 100 viewers', sessions: 1, viewers: 100, perSecond: 1_000, bytes: 300 };

async function measure(
  { report, quick }: BenchContext,
  crowd: Awaited<ReturnType<typeof startLoadClients>>,
  load: Load,
) {
  const { gateway, publisher, viewers, open, nats } = crowd;
  const { sessions, perSecond, bytes } = load;
  const sids = newSids(sessions);
  const starts = await open(sids);
  for (const sid of sids) {
    await viewers.call('join', {
      ...joining(gateway, sid, bytes),
      count: load.viewers,
      resume: { after: starts[sid]! },
    });
  }
  // The first second runs code that is not compiled yet.
  await publisher.call('paced', { sids, perSecond, seconds: 1, bytes });
  await viewers.call('until', { events: perSecond / sessions, timeoutMs: 10_000 });
  await viewers.call('reset');
  const pids = [gateway.pid, nats.pid];
  const before = pids.map(cpuSeconds);
  const from = nowMs();
  const {
    sent,
    cpuSeconds: host,
    failed,
  } = await publisher.call('paced', { sids, perSecond, seconds: quick ? 3 : 6, bytes });
  const got = await viewers.call('until', { events: sent / sessions, timeoutMs: 30_000 });
  const [gatewayCpu, natsCpu] = pids.map(
    (pid, i) => ((cpuSeconds(pid) ?? Number.NaN) - (before[i] ?? Number.NaN)) / sent,
  );
  const latency = new Histogram(got.latency);
  await viewers.call('leave');
  const figures = {
    p50: latency.quantile(0.5),
    p99: latency.quantile(0.99),
    perSecond: got.events / ((got.lastEventAt - from) / 1_000),
    perMillion: ((gatewayCpu! * sent) / got.events) * 1e6,
    missing: sent * load.viewers - got.events,
  };
  report.run('latency', `${load.what}, ${perSecond} events/s`, {
    'p50 ms': figures.p50,
    'p99 ms': figures.p99,
    'max ms': latency.quantile(1),
    'deliveries/s': figures.perSecond,
    'host µs/event': (host / sent) * 1e6,
    'nats µs/event': natsCpu! * 1e6,
    'gateway µs/event': gatewayCpu! * 1e6,
    's/M': figures.perMillion,
    missing: figures.missing,
    ...(Object.keys(failed).length === 0 ? {} : { failed: JSON.stringify(failed) }),
  });
  return figures;
}

async function run(context: BenchContext): Promise<void> {
  const crowd = await startLoadClients(context);
  const durable = await measure(context, crowd, DURABLE);
  const hot = await measure(context, crowd, HOT);
  const reach = (figure: string, unit: string, most: number, reached: number) =>
    context.report.reach({ bench: 'latency', figure, unit, target: { most }, reached });
  reach('publish to viewer, 2k events/s × 10 viewers, p50', 'ms', 0.6, durable.p50);
  reach('publish to viewer, 2k events/s × 10 viewers, p99', 'ms', 4, durable.p99);
  reach('hot room, 100k deliveries/s: not delivered', 'events', 0, Math.abs(hot.missing));
  reach('hot room: gateway CPU per million deliveries', 's', 2, hot.perMillion);
  reach('hot room: publish to viewer, p99', 'ms', 15, hot.p99);
}

export const latency: Bench = {
  name: 'latency',
  title: 'publish to viewer: many quiet sessions, and one hot one',
  run,
};
