import type { JoinArgs } from '../programs/viewers.js';
import type { BareServerApi } from '../programs/bareServer.js';
import type { Bench, BenchContext } from '../harness/bench.js';
import { nowMs } from '../harness/clock.js';
import { CORES, cpuSeconds } from '../harness/cpu.js';
import { joining, newSids, startLoadClients } from '../harness/loadClients.js';
import { startProgram, type Program } from '../harness/program.js';
import { Histogram, median } from '../harness/stats.js';

/** Deliveries per second of the paced runs, at most. */
const PACE = 20_000;
const LIVE_MS = 60_000;
/** Time for a server to finish the work of joins, in ms. */
const SETTLE_MS = 1_000;

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
  /** The most that the gateway may cost, as a multiple of the bare server. */
  target?: number;
}

interface Outcome {
  deliveriesPerSecond: number;
  /** CPU seconds of the server for each million deliveries. */
  perMillion: number;
  p99: number;
  delivered: number;
  missing: number;
  /** Events that the publisher sent and the log does not hold; undefined for the bare server. */
  notStored?: number;
}

type Crowd = Awaited<ReturnType<typeof startLoadClients>>;

function cases(quick: boolean): Case[] {
  const sessionsFor: Record<number, number> = { 1: 32, 10: 8, 100: 1, 1000: 1 };
  const eventsFor: Record<number, number> = { 1: 500, 10: 500, 100: 2_000, 1000: 250 };
  const all: Case[] = [];
  for (const viewers of [1, 10, 100, 1000]) {
    for (const bytes of [300, 2_000]) {
      for (const mode of ['paced', 'saturated'] as const) {
        const target = mode === 'paced' ? targetOf(viewers, bytes) : undefined;
        if (quick && (target === undefined || bytes !== 300)) continue;
        const each = eventsFor[viewers]!;
        const one = { viewers, bytes, mode, each, sessions: sessionsFor[viewers]! };
        all.push(target === undefined ? { ...one, repeat: 1 } : { ...one, repeat: quick ? 3 : 5, target });
      }
    }
  }
  return all;
}

/** The targets are for paced runs. A session has one or two viewers as a rule; many are the exception. */
function targetOf(viewers: number, bytes: number): number | undefined {
  if (viewers === 1) return 1.5;
  if (viewers === 1_000) return 1.1;
  return viewers === 100 && bytes === 300 ? 1.15 : undefined;
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
  // What joining costs is not part of a delivery: the lists of who watches go out, and the audit is written.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
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
  const outcome = await measure(crowd, gateway.pid, joins, one, async () => {
    if (mode === 'saturated') return (await publisher.call('burst', { sids, each, bytes, ahead: 32 })).sent;
    const perSecond = PACE / viewers;
    return (await publisher.call('paced', { sids, perSecond, seconds: whole(perSecond, seconds, sessions), bytes }))
      .sent;
  });
  if (outcome.missing === 0) return outcome;
  const stored = Object.values(await publisher.call('stored', { sids })).reduce((sum, count) => sum + count, 0);
  // Each session has one event before those of the load.
  const sent = (outcome.delivered + outcome.missing) / viewers;
  return { ...outcome, notStored: sent + sids.length - stored };
}

/** Returns a duration in seconds that gives every session the same number of events. */
function whole(perSecond: number, seconds: number, sessions: number): number {
  return (Math.max(1, Math.round((perSecond * seconds) / sessions)) * sessions) / perSecond;
}

/** `pace`: deliveries per second of a paced run. */
async function throughBareServer(
  crowd: Crowd,
  bare: Program<BareServerApi>,
  url: string,
  one: Case,
  seconds: number,
  pace = PACE,
) {
  const { bytes, viewers, sessions, each, mode } = one;
  const groups = Array.from({ length: sessions }, (_, i) => `/group/${i}`);
  const joins = groups.map((path) => ({ ...joining({ url, token: 'none' }, 'x', bytes), path, count: viewers }));
  return measure(crowd, bare.pid, joins, one, async () => {
    if (mode === 'saturated') {
      await bare.call('burst', { each, bytes });
      return each * sessions;
    }
    const perSecond = pace / viewers;
    return bare.call('paced', { perSecond, seconds: whole(perSecond, seconds, sessions), bytes });
  });
}

function nameOf({ viewers, sessions, bytes, mode }: Case): string {
  const spread = sessions > 1 ? ` in ${sessions} sessions each` : '';
  return `${viewers} viewers${spread}, ${bytes} B, ${mode}`;
}

async function run(context: BenchContext): Promise<void> {
  const { report, quick, only } = context;
  const crowd = await startLoadClients(context);
  const bare = startProgram<BareServerApi>('bareServer', CORES?.server);
  context.defer(() => bare.stop());
  const url = await bare.call('listen');
  const seconds = quick ? 1.5 : 2.5;
  // The first runs compile the code of both servers.
  for (const viewers of [1, 10]) {
    const warm = { viewers, bytes: 300, mode: 'paced', each: 0, sessions: 32, repeat: 1 } as const;
    await throughBareServer(crowd, bare, url, warm, 2 * seconds);
    await throughGateway(crowd, warm, 2 * seconds);
  }
  for (const one of cases(quick && only === '')) {
    if (!nameOf(one).includes(only)) continue;
    const pairs: { ours: Outcome; theirs: Outcome }[] = [];
    for (let i = 0; i < one.repeat; i++) {
      const ours = await throughGateway(crowd, one, seconds);
      // Where the log does not take events as fast, both servers have the same fewer ones: the more at once, the less each costs.
      const pace = Math.min(PACE, ours.deliveriesPerSecond);
      const theirs = await throughBareServer(crowd, bare, url, one, seconds, pace);
      pairs.push({ ours, theirs });
      report.run('fanout', nameOf(one), {
        'deliveries/s': ours.deliveriesPerSecond,
        's/M': ours.perMillion,
        'ws s/M': theirs.perMillion,
        ratio: ours.perMillion / theirs.perMillion,
        'p99 ms': ours.p99,
        'ws p99 ms': theirs.p99,
        'ws deliveries/s': theirs.deliveriesPerSecond,
        missing: ours.missing,
        ...(ours.notStored === undefined ? {} : { 'not in the log': ours.notStored }),
      });
    }
    if (one.target === undefined) continue;
    const ratio = median(pairs.map(({ ours, theirs }) => ours.perMillion / theirs.perMillion));
    report.reach({
      bench: 'fanout',
      figure: `gateway CPU per delivery ÷ bare ws, ${one.viewers} viewers in ${one.sessions} sessions, ${one.bytes} B, up to 20k/s`,
      unit: '×',
      target: { most: one.target },
      reached: ratio,
    });
  }
}

export const fanout: Bench = {
  name: 'fanout',
  title: 'CPU of the gateway per million deliveries, against a bare ws server in the same run',
  run,
};
