import type { BareServerApi } from '../programs/bareServer.js';
import type { LogFollowerApi } from '../programs/logFollower.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { CORES, cpuSeconds } from '../harness/cpu.js';
import { timeOffset } from '../harness/events.js';
import { joining, newSids, startLoadClients } from '../harness/loadClients.js';
import { startProgram } from '../harness/program.js';
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

async function measure(context: BenchContext, crowd: Awaited<ReturnType<typeof startLoadClients>>, load: Load) {
  const { report, quick } = context;
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
  const follower = startProgram<LogFollowerApi>('logFollower', CORES?.load);
  context.defer(() => follower.stop());
  await follower.call('follow', { natsUrl: nats.url, starts, timeOffset: timeOffset(bytes) });
  // The first second runs code that is not compiled yet.
  await publisher.call('paced', { sids, perSecond, seconds: 1, bytes });
  await viewers.call('until', { events: perSecond / sessions, timeoutMs: 10_000 });
  await viewers.call('reset');
  await follower.call('reset');
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
  const inLog = new Histogram(await follower.call('latency'));
  await follower.stop();
  await viewers.call('leave');
  const figures = {
    p50: latency.quantile(0.5),
    p99: latency.quantile(0.99),
    logP50: inLog.quantile(0.5),
    logP99: inLog.quantile(0.99),
    perSecond: got.events / ((got.lastEventAt - from) / 1_000),
    perMillion: ((gatewayCpu! * sent) / got.events) * 1e6,
    missing: sent * load.viewers - got.events,
  };
  report.run('latency', `${load.what}, ${perSecond} events/s`, {
    'p50 ms': figures.p50,
    'p99 ms': figures.p99,
    'p50 ms without a gateway': figures.logP50,
    'p99 ms without a gateway': figures.logP99,
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

/** CPU seconds of the bare server per million deliveries of the load of a hot room. */
async function bareCost(context: BenchContext, { viewers }: Awaited<ReturnType<typeof startLoadClients>>) {
  const { bytes, perSecond, viewers: count } = HOT;
  const bare = startProgram<BareServerApi>('bareServer', CORES?.server);
  context.defer(() => bare.stop());
  const url = await bare.call('listen');
  await viewers.call('join', { ...joining({ url, token: 'none' }, 'x', bytes), path: '/group', count });
  await bare.call('paced', { perSecond, seconds: 1, bytes });
  const before = cpuSeconds(bare.pid) ?? Number.NaN;
  const sent = await bare.call('paced', { perSecond, seconds: context.quick ? 2 : 4, bytes });
  const after = cpuSeconds(bare.pid) ?? Number.NaN;
  await viewers.call('leave');
  return ((after - before) / (sent * count)) * 1e6;
}

async function run(context: BenchContext): Promise<void> {
  const crowd = await startLoadClients(context);
  const durable = await measure(context, crowd, DURABLE);
  const hot = await measure(context, crowd, HOT);
  const bare = await bareCost(context, crowd);
  const reach = (figure: string, unit: string, most: number, reached: number) =>
    context.report.reach({ bench: 'latency', figure, unit, target: { most }, reached });
  const durableLoad = 'publish to viewer ÷ without a gateway, 2k events/s × 10 viewers';
  reach(`${durableLoad}, p50`, '×', 2, durable.p50 / durable.logP50);
  reach(`${durableLoad}, p99`, '×', 2, durable.p99 / durable.logP99);
  reach('hot room, 100k deliveries/s: not delivered', 'events', 0, Math.abs(hot.missing));
  reach('hot room: gateway CPU per delivery ÷ bare ws', '×', 0.4, hot.perMillion / bare);
  // Frames of a hot room are gathered for up to 8 ms.
  reach('hot room: publish to viewer − without a gateway, p99', 'ms', 12, hot.p99 - hot.logP99);
}

export const latency: Bench = {
  name: 'latency',
  title: 'publish to viewer: many quiet sessions, and one hot one',
  run,
};
