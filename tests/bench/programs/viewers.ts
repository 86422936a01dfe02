import { serveParent } from '../harness/program.js';
import { eventually, nowMs } from '../harness/clock.js';
import { Histogram } from '../harness/stats.js';
import { RawViewer, type Tally } from './rawViewer.js';

/** Many viewers in one process. They count frames without decoding them, so that the load costs little. */
export interface JoinArgs {
  /** `http://host:port` */
  url: string;
  path: string;
  token: string;
  count: number;
  /** Undefined for a server that sends events at once, without a `hello`. */
  resume?: { after?: number; tail?: number };
  /** The bytes of one event, and the position of its time. */
  eventBytes: number;
  timeOffset: number;
  /** The number of viewers that stop reading once they are live. */
  deaf?: number;
}

let viewers: RawViewer[] = [];
const tally: Tally = { latency: new Histogram(), bytes: 0 };
const hearing = () => viewers.filter(({ deaf }) => !deaf);

const handlers = {
  /** Connects all viewers at once. Resolves when every viewer is live. Times are in ms since the call. */
  join: async ({ url, path, token, count, resume, eventBytes, timeOffset, deaf = 0 }: JoinArgs) => {
    const from = nowMs();
    const { hostname, port } = new URL(url);
    const joining = Array.from({ length: count }, (_, i) => {
      const format = { eventBytes, timeOffset };
      return new RawViewer({ host: hostname, port: Number(port), path, token, resume, format }, tally, i < deaf);
    });
    viewers.push(...joining);
    await Promise.all(joining.map(({ live }) => live));
    return {
      allLiveMs: nowMs() - from,
      firstEventMs: joining.map(({ firstEventAt, startedAt }) => firstEventAt - startedAt),
      liveMs: joining.map(({ liveAt, startedAt }) => liveAt - startedAt),
      events: joining.map(({ events }) => events),
      lastEventMs: Math.max(...joining.map(({ lastEventAt }) => lastEventAt)) - from,
    };
  },
  reset: () => {
    for (const viewer of viewers) viewer.events = 0;
    tally.latency = new Histogram();
    tally.bytes = 0;
  },
  /** Resolves when every viewer that reads has `events`, or after the time limit. */
  until: async ({ events, timeoutMs }: { events: number; timeoutMs: number }) => {
    const all = await eventually(
      () => hearing().every((viewer) => viewer.events >= events || viewer.over),
      timeoutMs,
      5,
    );
    return { all, ...state() };
  },
  state: () => state(),
  leave: () => {
    for (const viewer of viewers) viewer.end();
    viewers = [];
  },
};

function state() {
  const counts = hearing().map(({ events }) => events);
  return {
    viewers: viewers.length,
    closed: viewers.filter(({ over }) => over).length,
    events: counts.reduce((sum, count) => sum + count, 0),
    fewest: Math.min(...counts),
    most: Math.max(...counts),
    /** Offsets that did not rise. */
    repeats: viewers.reduce((sum, { repeats }) => sum + repeats, 0),
    bytes: tally.bytes,
    lastEventAt: Math.max(...viewers.map(({ lastEventAt }) => lastEventAt)),
    latency: tally.latency.cells,
  };
}

export type ViewersApi = typeof handlers;
serveParent(handlers);
