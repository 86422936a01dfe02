import { bucket, logStreams, requestRpc, RUNNERS_STREAM, streamHead, type Backbone } from '@pizzapi/backbone';
import { withTimeout } from '@pizzapi/process';
import {
  isMap,
  readRunnerLoad,
  subjects,
  tryDecode,
  type RunnerLoad,
  type StorageUseInfo,
  type TopReply,
} from '@pizzapi/protocol';
import type { GatewayMetrics } from './metrics.js';
import type { Directory } from './session/directory.js';

/** Most hosts in one answer. */
const MAX_HOSTS = 200;
/** How long a host, or nats-server, may take to answer, in ms. */
const ANSWER_MS = 1_500;
/** How long the figures are used again, in ms: many readers cost as much as one. */
const FRESH_MS = 500;

const NOTHING = new Uint8Array(0);

export interface LiveFiguresDeps {
  b: Backbone;
  directory: Pick<Directory, 'onlineRunners' | 'countLeases'>;
  metrics: GatewayMetrics;
  relayStorage: { uses(): Promise<StorageUseInfo[]> };
  version: string;
}

/** What the relay does now, for its operator. */
export class LiveFigures {
  private readonly startedAt = Date.now();
  private asked: { at: number; reply: Promise<TopReply> } | undefined;

  constructor(private readonly deps: LiveFiguresDeps) {}

  read(): Promise<TopReply> {
    const now = Date.now();
    if (this.asked === undefined || this.asked.at < now - FRESH_MS) {
      const reply = this.collect(now);
      this.asked = { at: now, reply };
      // What failed is asked for again.
      reply.catch(() => (this.asked = undefined));
    }
    return this.asked.reply;
  }

  private async collect(at: number): Promise<TopReply> {
    const { deps, startedAt } = this;
    const { directory, metrics, relayStorage, version } = deps;
    const online = directory.onlineRunners();
    const asked = online.slice(0, MAX_HOSTS);
    const [loads, projections, uses] = await Promise.all([
      Promise.all(asked.map(({ runnerId }) => this.loadOf(runnerId))),
      this.projections(),
      withTimeout(
        relayStorage.uses().catch(() => []),
        ANSWER_MS,
      ),
    ]);
    return {
      at,
      gateway: { version, startedAt, ...metrics.figuresNow() },
      sessions: directory.countLeases('session'),
      projections,
      storage: uses ?? [],
      hosts: asked.map(({ runnerId, name, kind, version: spoken }, index) => ({
        ...{ runnerId, name, kind },
        ...(spoken === undefined ? {} : { version: spoken }),
        ...(loads[index] === undefined ? {} : { load: loads[index] }),
      })),
      moreHosts: online.length - asked.length,
    };
  }

  private async loadOf(rid: string): Promise<RunnerLoad | undefined> {
    const subject = subjects.runnerRpc(rid, 'status');
    const answer = await requestRpc(this.deps.b, subject, NOTHING, { timeoutMs: ANSWER_MS });
    return answer.kind === 'ok' ? readRunnerLoad(tryDecode(answer.body)) : undefined;
  }

  /** The projector saves its cursors every second: the lag is at most so much too high. */
  private async projections(): Promise<TopReply['projections']> {
    const { b } = this.deps;
    const cursors = bucket<unknown>(b, 'projector');
    const streams = logStreams(b);
    const cursorOf = async (key: string, field: string): Promise<number> => {
      const value = (await cursors.get(key))?.value;
      const offset = isMap(value) ? value[field] : undefined;
      return typeof offset === 'number' ? offset : 0;
    };
    const lagOf = async (stream: string, key: string, field: string): Promise<TopReply['projections']> => {
      const read = Promise.all([streamHead(b, stream), cursorOf(key, field)]).catch(() => undefined);
      const known = await withTimeout(read, ANSWER_MS);
      return known === undefined ? [] : [{ stream, lag: Math.max(0, known[0] - known[1]) }];
    };
    const keyOf = (partition: number): string => (streams.length === 1 ? 'cursor' : `cursor.${partition}`);
    const lags = await Promise.all([
      ...streams.map((stream, partition) => lagOf(stream, keyOf(partition), 'sessions')),
      lagOf(RUNNERS_STREAM, keyOf(0), 'runners'),
    ]);
    return lags.flat();
  }
}
