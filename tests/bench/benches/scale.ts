import { sessionRowKey, sessionRows } from '@pizzapi/backbone';
import { isMap } from '@pizzapi/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Bench, BenchContext } from '../harness/bench.js';
import { eventually, nowMs } from '../harness/clock.js';
import { cpuSeconds } from '../harness/cpu.js';
import { startGateway, startNats, type BenchGateway } from '../harness/processes.js';
import {
  scaleRow,
  scaleSid,
  scaleStore,
  type ScalePerson,
  type ScaleSize,
  type ScaleStore,
} from '../harness/scaleStore.js';
import { median, quantile } from '../harness/stats.js';

const MB = 1_024 * 1_024;
/** Connections that are opened, and pages that are read, at once. */
const AT_ONCE = 4;

const FULL: ScaleSize = { sessions: 1_000_000, people: 10_000, most: 50_000, least: 50, connected: 1_000 };
/** The same number of connections with fewer sessions: what does not depend on their number costs the same. */
const SMALL: ScaleSize = { sessions: 100_000, people: 2_000, most: 2_000, least: 50, connected: 1_000 };
const QUICK: ScaleSize = { sessions: 50_000, people: 500, most: 20_000, least: 50, connected: 50 };
const QUICK_SMALL: ScaleSize = { sessions: 5_000, people: 100, most: 500, least: 50, connected: 50 };

interface Hub {
  /** When the list came, in ms after the connection was begun. */
  joinedMs: number;
  changes: () => number;
  close: () => void;
}

async function joinHub(gateway: BenchGateway, { token }: ScalePerson): Promise<Hub> {
  const from = nowMs();
  const ws = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws/hub`, ['pizzapi.v1.json', `bearer.${token}`]);
  let changes = 0;
  return new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.on('close', (code) => reject(new Error(`a hub connection was closed with ${code}`)));
    ws.on('message', (data: Buffer) => {
      // Only the first frame is parsed.
      if (changes++ > 0) return;
      const frame: unknown = JSON.parse(data.toString());
      if (!isMap(frame) || frame['type'] !== 'sessions') return reject(new Error('the list did not come first'));
      resolve({ joinedMs: nowMs() - from, changes: () => changes - 1, close: () => ws.terminate() });
    });
  });
}

/** Does work for each item, some at once. Returns the results. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>, atOnce = AT_ONCE): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) results.push(await work(items[next++]!));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

async function readPage(gateway: BenchGateway, { token }: ScalePerson, query = ''): Promise<number> {
  const from = nowMs();
  const reply = await fetch(`${gateway.url}/api/sessions${query}`, { headers: { authorization: `Bearer ${token}` } });
  const text = await reply.text();
  const ms = nowMs() - from;
  const page: unknown = JSON.parse(text);
  const sessions = isMap(page) ? page['sessions'] : undefined;
  if (!Array.isArray(sessions) || sessions.length === 0)
    throw new Error(`a page was answered with ${reply.status}: ${text.slice(0, 200)}`);
  return ms;
}

async function rssOf(gateway: BenchGateway): Promise<number> {
  await delay(500);
  await gateway.memory();
  await delay(200);
  return (await gateway.memory()).rss / MB;
}

/** The CPU of the gateway for a change of a session, in µs, when no person with a connection has the session, and when one has. */
async function changeCosts(
  { nats, people }: ScaleStore,
  gateway: BenchGateway,
  hubs: readonly Hub[],
  count: number,
): Promise<{ others: number; own: number }> {
  const rows = sessionRows(nats.b);
  const write = async (among: readonly ScalePerson[]): Promise<number> => {
    const before = cpuSeconds(gateway.pid) ?? Number.NaN;
    const changes = Array.from({ length: count }, (_, i) => ({ person: among[i % among.length]!, i }));
    await each(
      changes,
      ({ person: { userId }, i }) =>
        rows.put(sessionRowKey(userId, scaleSid(userId, 0)), scaleRow(userId, 0, { name: `Change ${i}` })),
      64,
    );
    await delay(1_000);
    return (((cpuSeconds(gateway.pid) ?? Number.NaN) - before) / count) * 1e6;
  };
  const connected = people.slice(2, 2 + hubs.length);
  const others = await write(people.slice(2 + hubs.length));
  const received = () => hubs.reduce((sum, { changes }) => sum + changes(), 0);
  const from = received();
  const own = await write(connected);
  // Several changes of one session can be delivered as one.
  if (!(await eventually(() => received() - from >= connected.length, 10_000)))
    throw new Error('changes did not arrive');
  return { others, own };
}

interface Figures {
  readyMs: number;
  rss: number;
  joins: number[];
  pages: number[];
  change: { others: number; own: number };
  ratio: number;
}

async function measure(context: BenchContext, size: ScaleSize): Promise<Figures> {
  const { quick, report } = context;
  const store = await scaleStore(context, size);
  const began = nowMs();
  const gateway = await startGateway(context, store.nats, { memory: true });
  const readyMs = nowMs() - began;
  report.progress(`scale: ready after ${readyMs.toFixed(0)} ms`);
  const readyCpu = (cpuSeconds(gateway.pid) ?? Number.NaN) * 1_000;
  const { people, most, least } = store;
  const hubs = await each(people.slice(2, 2 + size.connected), (person) => joinHub(gateway, person));
  const joins = hubs.map(({ joinedMs }) => joinedMs);
  const cpu = () => [cpuSeconds(gateway.pid) ?? Number.NaN, cpuSeconds(store.nats.pid) ?? Number.NaN] as const;
  const cpuBefore = cpu();
  const pages = await each(people.slice(2 + size.connected, 2 + size.connected + (quick ? 200 : 500)), (person) =>
    readPage(gateway, person),
  );
  const [gatewayCpu, natsCpu] = cpu().map((at, i) => ((at - cpuBefore[i]!) / pages.length) * 1_000) as [number, number];
  const [large, small]: [number[], number[]] = [[], []];
  for (let round = 0; round < (quick ? 50 : 100); round++) {
    large.push(await readPage(gateway, most, '?limit=50'));
    small.push(await readPage(gateway, least, '?limit=50'));
  }
  const change = await changeCosts(store, gateway, hubs, quick ? 5_000 : 10_000);
  const rss = await rssOf(gateway);
  const searchMs = await readPage(gateway, most, '?q=session');
  report.run('scale', `${size.sessions.toLocaleString('en')} sessions of ${size.people.toLocaleString('en')} people`, {
    'ready ms': readyMs,
    'ready, gateway CPU ms': readyCpu,
    'RSS MB': rss,
    'hub join p50 ms': median(joins),
    'hub join p95 ms': quantile(joins, 0.95),
    'first page p50 ms': median(pages),
    'first page p95 ms': quantile(pages, 0.95),
    'first page, gateway CPU ms': gatewayCpu,
    'first page, nats CPU ms': natsCpu,
    'change of a person without connection µs': change.others,
    'change of a person with connection µs': change.own,
    [`first page of ${size.most.toLocaleString('en')} sessions ms`]: median(large),
    [`first page of ${size.least} sessions ms`]: median(small),
    [`search in ${size.most.toLocaleString('en')} sessions ms`]: searchMs,
  });
  for (const hub of hubs) hub.close();
  await gateway.stop();
  return { readyMs, rss, joins, pages, change, ratio: median(large) / median(small) };
}

async function emptyRss(context: BenchContext): Promise<number> {
  const nats = await startNats(context);
  const gateway = await startGateway(context, nats, { memory: true });
  const rss = await rssOf(gateway);
  await gateway.stop();
  return rss;
}

async function run(context: BenchContext): Promise<void> {
  const { quick, report } = context;
  const empty = await emptyRss(context);
  const small = await measure(context, quick ? QUICK_SMALL : SMALL);
  const large = await measure(context, quick ? QUICK : FULL);
  const reach = (figure: string, unit: string, most: number, reached: number) =>
    report.reach({ bench: 'scale', figure, unit, target: { most }, reached });
  reach('gateway RSS above an empty gateway', 'MB', 200, large.rss - empty);
  reach('gateway ready', 'ms', 3_000, large.readyMs);
  reach('first page of a list, p95', 'ms', 50, quantile(large.pages, 0.95));
  reach('hub join, p95', 'ms', 100, quantile(large.joins, 0.95));
  reach(
    'change of a session of others, gateway CPU',
    '× with few sessions',
    1.3,
    large.change.others / small.change.others,
  );
  reach('change of a session, gateway CPU', '× with few sessions', 1.3, large.change.own / small.change.own);
  reach('first page of the person with the most sessions', '× of the one with the least', 1.5, large.ratio);
}

export const scale: Bench = {
  name: 'scale',
  title: 'lists with a million sessions of ten thousand people',
  // Filling the store takes minutes, once.
  limitMs: 1_200_000,
  run,
};
