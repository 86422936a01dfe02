import type { JoinArgs } from '../programs/viewers.js';
import type { BareServerApi } from '../programs/bareServer.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { CORES, cpuSeconds } from '../harness/cpu.js';
import { joining, newSids, startLoadClients } from '../harness/loadClients.js';
import { startProgram, type Program } from '../harness/program.js';
import { Histogram, median } from '../harness/stats.js';

/** Deliveries per second of the paced runs. */
const PACE = 20_000;
const LIVE_MS = 60_000;

interface Case {
  viewers: number;
  bytes: number;
  mode: 'paced' | 'saturated';
  /** Events of one session in a saturated run. */
  each: number;
  /**
   * Number of sessions among which the viewers are distributed, so that the result does not measure a single writer.
   */
  sessions: number;
  repeat: number;
}

interface Outcome {
  deliveriesPerSecond: number;
  /** CPU seconds of the server for each million deliveries. */
  perMillion: number;
  p99: number;
  delivered: number;
  missing: number;
}

type Crowd = Awaited<ReturnType<typeof startLoadClients>>;

function cases(quick: boolean): Case[] {
  const sessionsFor: Record<number, number> = { 1: 32, 10: 8, 100: 1, 1000: 1 };
  const eventsFor: Record<number, number> = { 1: 500, 10: 500, 100: 2_000, 1000: 250 };
  const all: Case[] = [];
  for (const viewers of [1, 10, 100, 1000]) {
    for (const bytes of [300, 2_000]) {
      for (const mode of ['paced', 'saturated'] as const) {
        const wanted = viewers === 100 && bytes === 300 && mode === 'paced';
        if (quick && !wanted) continue;
        const each = eventsFor[viewers]!;
        all.push({ viewers, bytes, mode, each, sessions: sessionsFor[viewers]!, repeat: wanted ? 9 : 1 });
      }
    }
  }
  return all;
}

/**
 * Connects the viewers, measures the cost of `load` until every viewer has received every event, and disconnects them.
 */
async function measure(
  { viewers }: Crowd,
  pid: number,
  joins: JoinArgs[],
  one: Case,
  load: () => Promise<number>,
): Promise<Outcome> {
  for (const join of joins) await viewers.call('join', join);
  await viewers.call('reset');
  const before = cpuSeconds(pid);
  const from = nowMs();
  const events = await load();
  const got = await viewers.call('until', { events: events / one.sessions, timeoutMs: LIVE_MS });
  const after = cpuSeconds(pid);
  await viewers.call('leave');
  const delivered = got.events;
  const seconds = (got.lastEventAt - from) / 1_000;
  return {
    deliveriesPerSecond: delivered / seconds,
    perMillion: before === undefined || after === undefined ? Number.NaN : ((after - before) / delivered) * 1e6,
    p99: new Histogram(got.latency).quantile(0.99),
    delivered,
    missing: events * one.viewers - delivered,
  };
}

async function throughGateway(crowd: Crowd, one: Case, seconds: number): Promise<Outcome> {
  const { gateway, publisher, open } = crowd;
  const { bytes, viewers, sessions, each, mode } = one;
  const sids = newSids(sessions);
  const starts = await open(sids);
  const joins = sids.map((sid) => ({
    ...joining(gateway, sid, bytes),
    count: viewers,
    resume: { after: starts[sid]! },
  }));
  return measure(crowd, gateway.pid, joins, one, async () => {
    if (mode === 'saturated') return (await publisher.call('burst', { sids, each, bytes, ahead: 32 })).sent;
    const perSecond = PACE / viewers;
    return (await publisher.call('paced', { sids, perSecond, seconds: whole(perSecond, seconds, sessions), bytes }))
      .sent;
  });
}

/** Returns a duration in seconds that gives every session the same number of events. */
function whole(perSecond: number, seconds: number, sessions: number): number {
  return (Math.max(1, Math.round((perSecond * seconds) / sessions)) * sessions) / perSecond;
}

async function throughBareServer(crowd: Crowd, bare: Program<BareServerApi>, url: string, one: Case, seconds: number) {
  const { bytes, viewers, sessions, each, mode } = one;
  const groups = Array.from({ length: sessions }, (_, i) => `/group/${i}`);
  const joins = groups.map((path) => ({ ...joining({ url, token: 'none' }, 'x', bytes), path, count: viewers }));
  return measure(crowd, bare.pid, joins, one, async () => {
    if (mode === 'saturated') {
      await bare.call('burst', { each, bytes });
      return each * sessions;
    }
    const perSecond = PACE / viewers;
    return bare.call('paced', { perSecond, seconds: whole(perSecond, seconds, sessions), bytes });
  });
}

async function run(context: BenchContext): Promise<void> {
  const { report, quick } = context;
  const crowd = await startLoadClients(context);
  const bare = startProgram<BareServerApi>('bareServer', CORES?.server);
  context.defer(() => bare.stop());
  const url = await bare.call('listen');
  const seconds = quick ? 1.5 : 2.5;
  for (const one of cases(quick)) {
    const pairs: { ours: Outcome; theirs: Outcome }[] = [];
    for (let i = 0; i < one.repeat; i++) {
      const theirs = await throughBareServer(crowd, bare, url, one, seconds);
      const ours = await throughGateway(crowd, one, seconds);
      pairs.push({ ours, theirs });
      const spread = one.sessions > 1 ? ` in ${one.sessions} sessions each` : '';
      report.run('fanout', `${one.viewers} viewers${spread}, ${one.bytes} B, ${one.mode}`, {
        'deliveries/s': ours.deliveriesPerSecond,
        's/M': ours.perMillion,
        'ws s/M': theirs.perMillion,
        ratio: ours.perMillion / theirs.perMillion,
        'p99 ms': ours.p99,
        'ws p99 ms': theirs.p99,
        'ws deliveries/s': theirs.deliveriesPerSecond,
        missing: ours.missing,
      });
    }
    if (one.viewers !== 100 || one.bytes !== 300 || one.mode !== 'paced') continue;
    const ratio = median(pairs.map(({ ours, theirs }) => ours.perMillion / theirs.perMillion));
    report.reach({
      bench: 'fanout',
      figure: 'gateway CPU per delivery ÷ bare ws, 100 viewers, 20k/s',
      unit: '×',
      target: { most: 1.15 },
      reached: ratio,
    });
  }
}

export const fanout: Bench = {
  name: 'fanout',
  title: 'CPU of the gateway per million deliveries, against a bare ws server in the same run',
  run,
};
