import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { errors } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { CodedError, compareSemver } from '@pizzapi/protocol';
import { Retry } from './backoff.js';
import { silentLogger, type Logger } from '@pizzapi/process';
import { Mux } from './mux.js';
import { Publisher } from './publisher.js';

/** The oldest server that has batched direct get, message TTLs and delete markers. 2.10 drops their config silently. */
export const OLDEST_SERVER = '2.11.0';
const DIAL_TIMEOUT_MS = 5_000;
const PING_MS = 10_000;

export interface BackboneOptions {
  url: string | string[];
  /** Shown by the server for this connection. */
  name: string;
  user?: string;
  password?: string;
  /** Where replies to this connection go, for a credential that may not listen to every `_INBOX.>`. */
  inboxPrefix?: string;
  log?: Logger;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
}

export type BackboneStatus = 'connected' | 'reconnecting' | 'closed';

/** What the backbone survived, counted since the connection was made. */
export interface BackboneCounters {
  reconnects: number;
  /** Events of a lower epoch than one already seen: a host that was replaced wrote them. */
  staleEpochEvents: number;
  /** Holes in a live stream that were filled from the log. */
  gapsFilled: number;
  /** Readers rebuilt after a failure. */
  readersRebuilt: number;
}

/** A connection to the backbone. It reconnects by itself, forever; everything built on it carries on afterwards. */
export interface Backbone {
  readonly counters: Readonly<BackboneCounters>;
  status(): BackboneStatus;
  /** Calls `fn` on every change; returns what ends that. */
  onStatus(fn: (status: BackboneStatus) => void): () => void;
  close(): Promise<void>;
}

/** The inside of a `Backbone`, for this package only. */
export class Connection implements Backbone {
  readonly counters: BackboneCounters = { reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 0 };
  readonly mux: Mux;
  readonly publisher: Publisher;
  readonly log: Logger;
  /** When the stream of sessions was created, as last read. */
  identity: string | undefined;
  identifying: Promise<string | undefined> | undefined;
  private state: BackboneStatus = 'connected';
  private readonly listeners = new Set<(status: BackboneStatus) => void>();

  constructor(
    readonly nc: NatsConnection,
    readonly jsm: JetStreamManager,
    readonly inboxPrefix: string | undefined,
    log: Logger | undefined,
  ) {
    this.log = log ?? silentLogger;
    this.mux = new Mux(nc, inboxPrefix);
    this.publisher = new Publisher(this);
    void this.watch();
  }

  status(): BackboneStatus {
    return this.state;
  }

  onStatus(fn: (status: BackboneStatus) => void): () => void {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  /** Resolves when the connection is up, or is never to be again, or `signal` aborts. */
  async connected(signal?: AbortSignal): Promise<void> {
    if (this.state !== 'reconnecting' || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        off();
        signal?.removeEventListener('abort', settle);
        resolve();
      };
      const off = this.onStatus(settle);
      signal?.addEventListener('abort', settle);
    });
  }

  /**
   * A request of the client's own, given up when the connection breaks: the client would wait for its time-out, for an
   * answer that cannot come any more.
   */
  async whileConnected<T>(request: Promise<T>): Promise<T> {
    let off: () => void = () => undefined;
    const broken = new Promise<never>((_, reject) => {
      off = this.onStatus(() => reject(new CodedError('unavailable', 'The connection broke')));
    });
    try {
      return await Promise.race([request, broken]);
    } finally {
      off();
    }
  }

  async close(): Promise<void> {
    this.mux.close();
    await this.nc.close();
    this.become('closed');
  }

  private async watch(): Promise<void> {
    for await (const event of this.nc.status()) {
      if (event.type === 'disconnect') {
        this.become('reconnecting');
        this.mux.failAll();
      } else if (event.type === 'reconnect') {
        this.counters.reconnects++;
        this.become('connected');
      } else if (event.type === 'error') {
        this.log.warn({ err: event.error }, 'nats-server reported an error');
      }
    }
    this.mux.close();
    this.become('closed');
  }

  private become(state: BackboneStatus): void {
    if (this.state === state || this.state === 'closed') return;
    this.state = state;
    this.log.info({ status: state }, 'backbone');
    for (const listener of [...this.listeners]) listener(state);
  }
}

/** The inside of a backbone. Anything but what `connectBackbone` returned is a bug. */
export function inside(b: Backbone): Connection {
  if (!(b instanceof Connection)) throw new TypeError('Not a backbone of this package');
  return b;
}

/**
 * Connects, trying again with jittered pauses until it works or `signal` aborts, which throws `nats_unauthorized` or
 * `nats_unreachable` as the last attempt failed. A server older than 2.11 throws `nats_too_old`.
 */
export async function connectBackbone(options: BackboneOptions): Promise<Backbone> {
  const nc = await dial(options);
  const version = nc.info?.version ?? '0';
  if (compareSemver(version, OLDEST_SERVER) < 0) {
    await nc.close();
    throw new CodedError('nats_too_old', `nats-server ${version} runs at ${nc.getServer()}`);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return new Connection(nc, jsm, options.inboxPrefix, options.log);
}

async function dial({ url, name, user, password, inboxPrefix, log, signal }: BackboneOptions): Promise<NatsConnection> {
  const retry = new Retry();
  const servers = Array.isArray(url) ? url : [url];
  for (;;) {
    try {
      return await connect({
        servers,
        name,
        ...(user === undefined ? {} : { user, pass: password ?? '' }),
        ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        noAsyncTraces: true,
        timeout: DIAL_TIMEOUT_MS,
        pingInterval: PING_MS,
        reconnectDelayHandler: () => 100 + Math.random() * 900,
      });
    } catch (cause) {
      const refused = cause instanceof errors.AuthorizationError;
      (log ?? silentLogger).warn(
        { servers, why: cause instanceof Error ? cause.message : String(cause) },
        refused ? 'nats-server refused the credentials' : 'nats-server is out of reach',
      );
      await retry.wait(signal);
      if (signal?.aborted !== true) continue;
      throw new CodedError(
        refused ? 'nats_unauthorized' : 'nats_unreachable',
        `No connection to ${servers.join(', ')}`,
        { cause },
      );
    }
  }
}
