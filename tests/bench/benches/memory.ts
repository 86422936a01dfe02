import { METRICS } from '@pizzapi/process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from '../harness/bench.js';
import { joining, newSids, startLoadClients } from '../harness/loadClients.js';
import { Histogram } from '../harness/stats.js';
import type { MemoryUse } from '../harness/processes.js';

const KB = 1_024;
const MB = 1_024 * KB;
/** The number is so large that the pages which the allocator reserves at a time do not affect the result. */
const IDLE = { first: 200, more: 4_000 };
const SLOW = { viewers: 100, deaf: 20, bytes: 2_000, perSecond: 500 };
/** The maximum cost of one slow viewer: its unsent bytes before it is parked, and one message in transit. */
const SLOW_BOUND = 256 * KB + 2 * 64 * KB;

type Crowd = Awaited<ReturnType<typeof startLoadClients>>;

/** Returns the memory in use without garbage. Pages that the allocator reserves are not counted. */
const held = ({ heapUsed, external }: MemoryUse) => heapUsed + external;

async function settled({ gateway }: Crowd): Promise<MemoryUse> {
  await delay(500);
  await gateway.memory();
  await delay(200);
  return gateway.memory();
}

async function idle({ report }: BenchContext, crowd: Crowd): Promise<number> {
  const { gateway, viewers, open } = crowd;
  const [sid] = newSids(1) as [string];
  const { [sid]: after = 0 } = await open([sid]);
  const join = (count: number) => viewers.call('join', { ...joining(gateway, sid, 300), count, resume: { after } });
  // The first viewers also pay for code and buffers that exist once.
  await join(IDLE.first);
  const before = await settled(crowd);
  await join(IDLE.more);
  const later = await settled(crowd);
  await viewers.call('leave');
  const rss = (later.rss - before.rss) / IDLE.more;
  const live = (held(later) - held(before)) / IDLE.more;
  report.run('memory', `${IDLE.more} idle viewers of one session`, {
    'KB RSS each': rss / KB,
    'KB heap and buffers each': live / KB,
    'gateway RSS MB': later.rss / MB,
  });
  return rss / KB;
}

async function slow({ report, quick }: BenchContext, crowd: Crowd): Promise<{ each: number; lost: number }> {
  const { gateway, viewers, publisher, open } = crowd;
  const { bytes, perSecond, deaf } = SLOW;
  const [sid] = newSids(1) as [string];
  const { [sid]: after = 0 } = await open([sid]);
  await viewers.call('join', { ...joining(gateway, sid, bytes), count: SLOW.viewers, resume: { after }, deaf });
  // The ring buffer of recent events fills in any case, so its size is not a cost of the slow viewers.
  await publisher.call('burst', { sids: [sid], each: 2_500, bytes, ahead: 32 });
  await viewers.call('until', { events: 2_500, timeoutMs: 20_000 });
  await viewers.call('reset');
  const before = await settled(crowd);
  const seconds = quick ? 6 : 12;
  let peak = 0;
  const publishing = publisher.call('paced', { sids: [sid], perSecond, seconds, bytes });
  let over = false;
  void publishing.finally(() => (over = true));
  while (!over) {
    await delay(500);
    peak = Math.max(peak, held(await gateway.memory()) - held(before));
  }
  const { sent } = await publishing;
  const got = await viewers.call('until', { events: sent, timeoutMs: 20_000 });
  const parked = await gateway.metric(METRICS.gatewayParked);
  await viewers.call('leave');
  const each = peak / deaf;
  report.run(
    'memory',
    `${SLOW.viewers} viewers of which ${deaf} never read, ${bytes} B × ${perSecond}/s for ${seconds} s`,
    {
      'peak growth MB': peak / MB,
      'KB per slow viewer': each / KB,
      parked,
      closed: got.closed,
      'healthy p99 ms': new Histogram(got.latency).quantile(0.99),
      'missing of the healthy': sent * (SLOW.viewers - deaf) - got.events,
    },
  );
  return { each: each / KB, lost: got.closed };
}

async function run(context: BenchContext): Promise<void> {
  const crowd = await startLoadClients(context, { memory: true });
  const perIdle = await idle(context, crowd);
  const perSlow = await slow(context, crowd);
  const reach = (figure: string, unit: string, most: number, reached: number) =>
    context.report.reach({ bench: 'memory', figure, unit, target: { most }, reached });
  reach('gateway memory per idle viewer', 'KB', 12, perIdle);
  reach('gateway memory per viewer that never reads', 'KB', SLOW_BOUND / KB, perSlow.each);
  reach('slow viewers dropped', '', 0, perSlow.lost);
}

export const memory: Bench = { name: 'memory', title: 'bytes per idle and per slow viewer in the gateway', run };
