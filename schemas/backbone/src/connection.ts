import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { Authenticator, NatsConnection } from '@nats-io/nats-core';
import { errors, nkeyAuthenticator, nuid, usernamePasswordAuthenticator } from '@nats-io/nats-core';
import { CodedError, compareSemver, inboxPrefixOf, natsUserOf, type HostLogin } from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { LatencyCounts, silentLogger, type Logger } from '@pizzapi/process';
import { LeaderSilence } from './leaderSilence.js';
import { Mux } from './mux.js';
import { apiPrefixOf, type ApiPrefix } from './jetstreamApi.js';
import { DialFailures } from './dialFailures.js';
import { dialNats } from './natsDial.js';
import { deriveNkeySeed, inboxPrefixOfNkey, isNkeySeed, openNkey } from './nkeys.js';
import { Publisher } from './publisher.js';
import { ReconnectPace } from './reconnectPace.js';
import { LEASES } from './streams.js';

/** The oldest server that has batched direct get, message TTLs and delete markers. 2.10 drops their config silently. */
export const OLDEST_SERVER = '2.11.0';
const DIAL_TIMEOUT_MS = 5_000;
/** Between two pings, in ms. Proxies cut connections that carry nothing for a minute. Two without an answer end one. */
const PING_MS = 10_000;
/** Reconnects until a connection is at another server; the list of a client may begin with the one that it leaves. */
const MOVE_ATTEMPTS = 2;

export interface BackboneOptions {
  /** `nats://`, `tls://`, or `ws://` and `wss://` for NATS over WebSocket; all of one kind. */
  url: string | string[];
  /** Shown by the server for this connection. */
  name: string;
  /**
   * Seed of the nkey (`SU…`) of a service. Such a service connects twice: to work on the logs, and with a key derived
   * from this one (`stateSeedOf`) on the state. Replies go to a private inbox.
   */
  nkey?: string;
  /** The nkey is the provisioner's, which logs in to the accounts that have the streams. */
  provisioner?: boolean;
  /**
   * The connection is a host's: it logs in to the hosts' account, asks the authenticator for what it has to read, and
   * receives its replies in an inbox with a random name.
   */
  host?: HostLogin;
  user?: string;
  /** A function is asked at every connect. */
  password?: string | (() => string);
  /** The user may read the streams by imports, not in their own account: an auditor. */
  imports?: boolean;
  /**
   * How many partitions the log must have: `provision` and `verifyProvisioned` refuse another number. Left out, they adopt
   * the number of the deployment. Hosts need none, because they read no log.
   */
  partitions?: number;
  log?: Logger;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
}

export type BackboneStatus = 'connected' | 'reconnecting' | 'closed';

/** What the backbone did and survived, counted since the connection was made. */
export interface BackboneCounters {
  reconnects: number;
  /** Events of a lower epoch than one already seen: a host that was replaced wrote them. */
  staleEpochEvents: number;
  /** Gaps in live streams repaired from the log. */
  gapsFilled: number;
  /** Readers rebuilt after a failure. */
  readersRebuilt: number;
  /** Messages on a session's or runner's subject that its own writer did not publish, passed over. */
  foreignMessages: number;
  /** Events of sessions that were appended to the log. */
  eventsAppended: number;
  /** From the first attempt to store a message until the server acknowledged it. */
  readonly appends: LatencyCounts;
  /** Attempts to store a message that the server refused or did not answer. */
  appendsFailed: number;
}

/** A connection to the backbone. It reconnects by itself, forever; everything built on it carries on afterwards. */
export interface Backbone {
  readonly counters: Readonly<BackboneCounters>;
  status(): BackboneStatus;
  /** Calls `fn` on every change; returns what ends that. */
  onStatus(fn: (status: BackboneStatus) => void): () => void;
  /**
   * Calls `fn` each time that the server refuses the credentials of a connection that was lost: they were revoked, or
   * nobody is there who could check them. It is tried again with growing pauses. Returns what ends that.
   */
  onRefused(fn: () => void): () => void;
  close(): Promise<void>;
}

/** Where a connection is: what it reads with, and where its replies arrive. */
export interface AccountLocation {
  api: ApiPrefix;
  inboxPrefix: string | undefined;
  host: HostLogin | undefined;
}

/** The inside of a `Backbone`, for this package only. */
export class BackboneConnection implements Backbone {
  readonly counters: BackboneCounters = {
    reconnects: 0,
    staleEpochEvents: 0,
    gapsFilled: 0,
    readersRebuilt: 0,
    foreignMessages: 0,
    eventsAppended: 0,
    appends: new LatencyCounts(),
    appendsFailed: 0,
  };
  readonly mux: Mux;
  readonly publisher: Publisher;
  readonly log: Logger;
  /** How many partitions the log has. Known after `provision` or `verifyProvisioned`. */
  partitions: number;
  /** When the streams of sessions were created, as last read. */
  identity: string | undefined;
  identifying: Promise<string | undefined> | undefined;
  private readonly silences = { read: new LeaderSilence(), write: new LeaderSilence() };
  private state: BackboneStatus = 'connected';
  private readonly listeners = new Set<(status: BackboneStatus) => void>();
  private readonly refusedListeners = new Set<() => void>();

  constructor(
    readonly nc: NatsConnection,
    readonly jsm: JetStreamManager,
    readonly place: AccountLocation,
    log: Logger | undefined,
    /** The connection to the state, where that is another. */
    private readonly stateHome?: BackboneConnection,
    private readonly pace: ReconnectPace = new ReconnectPace(),
    /** How many partitions this connection was opened for. */
    readonly wantedPartitions?: number,
  ) {
    this.partitions = wantedPartitions ?? 1;
    this.log = log ?? silentLogger;
    this.mux = new Mux(nc, place.inboxPrefix);
    this.publisher = new Publisher(this);
    void this.watch();
  }

  /** Who this host is, where the connection is a host's: then it may read no stream itself. */
  get host(): HostLogin | undefined {
    return this.place.host;
  }

  /**
   * A leader of a stream answered a read, or stored a write. A leader that was cut off from the others answers reads for a
   * while: so a read does not end the silence of writes.
   */
  answered(kind: 'read' | 'write'): void {
    this.silences[kind].answered();
  }

  /** A request that began at `from` had no answer of a leader in time. Leaves the server after many of them. */
  unanswered(kind: 'read' | 'write', from: number): void {
    if (!this.isClustered || this.state !== 'connected' || !this.silences[kind].unanswered(from)) return;
    this.log.warn({ server: this.nc.getServer() }, 'no stream leader answers at this server; moving to another one');
    void this.move().catch(() => undefined);
  }

  /** Reconnects to another server. The client takes the next one of its list, which may be the same for once. */
  private async move(): Promise<void> {
    const from = this.nc.getServer();
    for (let attempt = 0; attempt < MOVE_ATTEMPTS && this.nc.getServer() === from; attempt++) await this.reconnect();
  }

  /** Resolves when the connection was lost and is back, or is closed. */
  async reconnect(): Promise<void> {
    if (this.state === 'connected') {
      const left = new Promise<void>((resolve) => {
        const off = this.onStatus(() => (off(), resolve()));
      });
      await this.nc.reconnect();
      await left;
    }
    await this.connected();
  }

  /** The server is one of a cluster, where a stream may have several copies and the leader may change. */
  get isClustered(): boolean {
    return this.nc.info?.cluster !== undefined;
  }

  /** The connection to what hosts cannot reach: buckets and blobs. */
  get stateConnection(): BackboneConnection {
    return this.stateHome ?? this;
  }

  /** The connection to a bucket. Hosts write leases; all others are state. */
  forBucket(bucket: string): BackboneConnection {
    return bucket === LEASES ? this : this.stateConnection;
  }

  status(): BackboneStatus {
    return this.state;
  }

  onStatus(fn: (status: BackboneStatus) => void): () => void {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  onRefused(fn: () => void): () => void {
    this.refusedListeners.add(fn);
    return () => void this.refusedListeners.delete(fn);
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
      off = this.onStatus(() => reject(new CodedError('unavailable', 'The connection to nats-server was lost')));
    });
    try {
      return await Promise.race([request, broken]);
    } finally {
      off();
    }
  }

  async close(): Promise<void> {
    this.mux.close();
    await Promise.all([this.nc.close(), this.stateHome?.close()]);
    this.become('closed');
  }

  private async watch(): Promise<void> {
    for await (const event of this.nc.status()) {
      if (event.type === 'disconnect') {
        this.become('reconnecting');
        this.mux.failAll();
      } else if (event.type === 'reconnect') {
        this.counters.reconnects++;
        this.pace.back();
        this.become('connected');
      } else if (event.type === 'error') {
        this.log.warn({ err: event.error }, 'nats-server reported an error');
        if (!(event.error instanceof errors.AuthorizationError)) continue;
        this.pace.refused();
        for (const listener of [...this.refusedListeners]) listener();
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
export function internals(b: Backbone): BackboneConnection {
  if (!(b instanceof BackboneConnection)) throw new TypeError('Not a backbone of this package');
  return b;
}

/** The seed of a service's second login, which reads and writes the state. */
export const stateSeedOf = (nkeySeed: string): string => deriveNkeySeed(nkeySeed, 'state');

/**
 * Connects, trying again with jittered pauses until it works or `signal` aborts, which throws `nats_unauthorized`,
 * `nats_unreachable`, `nats_not_served`, `certificate_untrusted` or `certificate_invalid` as the last attempt failed. A server
 * older than 2.11 throws `nats_too_old`; a text that is no seed throws `bad_option`.
 */
export async function connectBackbone(options: BackboneOptions): Promise<Backbone> {
  const { nkey, name } = options;
  if (nkey === undefined) return open(options);
  if (!isNkeySeed(nkey, 'user')) throw new CodedError('bad_option', 'The nkey is not the seed of a user (SU…)');
  const state = await open({ ...options, name: `${name}-state`, nkey: stateSeedOf(nkey) }, 'state');
  try {
    return await open(options, 'log', state);
  } catch (error) {
    await state.close();
    throw error;
  }
}

/**
 * Connects anew, so that the server decides again what this connection may do; for a host that was granted more.
 * Resolves once it is back, or closed. What was under way fails and is tried again as after any lost connection.
 */
export async function reauthenticate(b: Backbone): Promise<void> {
  await internals(b).reconnect();
}

async function open(
  options: BackboneOptions,
  of: 'log' | 'state' = 'log',
  state?: BackboneConnection,
): Promise<BackboneConnection> {
  const { nkey, host, log } = options;
  const inbox = nuid.next();
  const own = host === undefined ? undefined : { user: natsUserOf(host, inbox) };
  const inboxPrefix = host === undefined ? inboxOf(nkey) : inboxPrefixOf(host, inbox);
  const place = { api: apiPrefixOf(options, of), inboxPrefix, host };
  const pace = new ReconnectPace(nkey !== undefined);
  const nc = await dial({ ...options, ...own }, inboxPrefix, pace);
  const version = nc.info?.version ?? '0';
  if (compareSemver(version, OLDEST_SERVER) < 0) {
    await nc.close();
    throw new CodedError('nats_too_old', `nats-server ${version} runs at ${nc.getServer()}`);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false, apiPrefix: place.api });
  return new BackboneConnection(nc, jsm, place, log, state, pace, options.partitions);
}

const inboxOf = (nkey: string | undefined): string | undefined =>
  nkey === undefined ? undefined : inboxPrefixOfNkey(openNkey(nkey).publicKey);

function authenticatorOf({ nkey, user, password }: BackboneOptions): Authenticator | undefined {
  if (nkey !== undefined) return nkeyAuthenticator(Buffer.from(nkey));
  return user === undefined ? undefined : usernamePasswordAuthenticator(user, password ?? '');
}

async function dial(
  options: BackboneOptions,
  inboxPrefix: string | undefined,
  pace: ReconnectPace,
): Promise<NatsConnection> {
  const { url, name, log = silentLogger, signal } = options;
  const retry = new RetryDelay();
  const servers = Array.isArray(url) ? url : [url];
  const authenticator = authenticatorOf(options);
  const failures = new DialFailures(servers, log);
  const settings = {
    name,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    maxReconnectAttempts: -1,
    // The addresses that servers have for each other are of no use outside of their network: a host keeps to its own.
    ignoreClusterUpdates: options.host !== undefined,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    timeout: DIAL_TIMEOUT_MS,
    pingInterval: PING_MS,
    reconnectDelayHandler: () => {
      failures.warnNow();
      return pace.next();
    },
  };
  for (;;) {
    try {
      return await dialNats(servers, settings, failures);
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      const problem = failures.problem(cause);
      log.warn(
        { servers, code: problem.code, why: problem.message },
        problem.code === 'nats_unauthorized' ? 'nats-server refused the credentials' : 'nats-server cannot be reached',
      );
      await retry.wait(signal);
      if (signal?.aborted !== true) continue;
      throw new CodedError(problem.code, problem.what, { cause });
    }
  }
}
