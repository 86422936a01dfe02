import { SOCKET_PROTOCOL_VERSION } from '@pizzapi/protocol';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { countOf, LATENCY_BOUNDS, type Latencies } from './latency.js';

/** The name of every metric, in one table: what a dashboard or an alert may rely on. */
export const METRICS = {
  buildInfo: 'pizzapi_build_info',
  backboneConnected: 'pizzapi_backbone_connected',
  backboneEvents: 'pizzapi_backbone_events_appended_total',
  backboneAppendSeconds: 'pizzapi_backbone_append_seconds',
  backboneAppendsFailed: 'pizzapi_backbone_appends_failed_total',
  backboneReconnects: 'pizzapi_backbone_reconnects_total',
  backboneStale: 'pizzapi_backbone_stale_epoch_total',
  backboneGaps: 'pizzapi_backbone_gaps_filled_total',
  backboneRebuilt: 'pizzapi_backbone_readers_rebuilt_total',
  backboneForeign: 'pizzapi_backbone_foreign_messages_total',
  gatewayReady: 'pizzapi_gateway_ready',
  gatewayWritable: 'pizzapi_gateway_store_writable',
  gatewayRequestSeconds: 'pizzapi_gateway_request_seconds',
  gatewayCommands: 'pizzapi_gateway_commands_total',
  gatewaySignIns: 'pizzapi_gateway_sign_ins_total',
  gatewaySockets: 'pizzapi_gateway_sockets',
  gatewayCloses: 'pizzapi_gateway_closes_total',
  gatewayViewers: 'pizzapi_gateway_viewers',
  gatewayUnsent: 'pizzapi_gateway_unsent_bytes',
  gatewayReceived: 'pizzapi_gateway_received_total',
  gatewayLeases: 'pizzapi_gateway_leases',
  gatewayLeaseChanges: 'pizzapi_gateway_lease_changes_total',
  gatewayStorageBytes: 'pizzapi_gateway_storage_bytes',
  gatewayStorageLimit: 'pizzapi_gateway_storage_limit_bytes',
  gatewayRooms: 'pizzapi_gateway_rooms',
  gatewayFrames: 'pizzapi_gateway_frames_total',
  gatewayBytes: 'pizzapi_gateway_bytes_total',
  gatewayParked: 'pizzapi_gateway_parked_total',
  gatewayLogReads: 'pizzapi_gateway_log_reads_total',
  gatewayPieceGaps: 'pizzapi_gateway_piece_gaps_total',
  gatewayPartials: 'pizzapi_gateway_partials_total',
  gatewayErrors: 'pizzapi_gateway_errors_total',
  gatewaySpawnSeconds: 'pizzapi_gateway_spawn_seconds',
  gatewayUnaudited: 'pizzapi_gateway_refusals_suppressed_total',
  projectorEvents: 'pizzapi_projector_events_total',
  projectorPoison: 'pizzapi_projector_poison_total',
  projectorStale: 'pizzapi_projector_stale_epoch_total',
  projectorConflicts: 'pizzapi_projector_conflicts_total',
  projectorFlushSeconds: 'pizzapi_projector_flush_seconds',
  projectorCursor: 'pizzapi_projector_cursor',
  projectorLag: 'pizzapi_projector_lag_events',
  projectorActive: 'pizzapi_projector_active',
  projectorActivePartitions: 'pizzapi_projector_active_partitions',
  projectorPartitions: 'pizzapi_projector_partitions',
  projectorTerms: 'pizzapi_projector_terms_total',
  reaperEnded: 'pizzapi_reaper_ended_total',
  reaperWaiting: 'pizzapi_reaper_waiting',
  linksSent: 'pizzapi_links_commands_total',
  linksReceipts: 'pizzapi_links_receipts_total',
  linksWaiting: 'pizzapi_links_waiting',
  notificationsSent: 'pizzapi_notifications_sent_total',
  notificationsSilent: 'pizzapi_notifications_silent_total',
  notificationsDropped: 'pizzapi_notifications_dropped_total',
  notificationsWaiting: 'pizzapi_notifications_waiting',
  authCallouts: 'pizzapi_auth_callouts_total',
  authCalloutSeconds: 'pizzapi_auth_callout_seconds',
  authGrants: 'pizzapi_auth_grants_total',
  authQuestions: 'pizzapi_auth_questions_total',
  authKicks: 'pizzapi_auth_kicks_total',
  authPurges: 'pizzapi_auth_purges_total',
  authErasures: 'pizzapi_auth_erasures_total',
  authBlobsRemoved: 'pizzapi_auth_blobs_removed_total',
  runnerSessions: 'pizzapi_runner_sessions',
  runnerPaused: 'pizzapi_runner_paused_sessions',
  runnerSpoolBytes: 'pizzapi_runner_spool_bytes',
  runnerCommands: 'pizzapi_runner_commands_total',
  runnerWorkerRestarts: 'pizzapi_runner_worker_restarts_total',
} as const;

/** The metrics of one process. Asking twice for a name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** Without `buckets`: from 1 ms to 10 s, in seconds. */
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram;
  /** Durations that are counted elsewhere; `show` takes their counts. */
  latencies(name: string, help: string): { show(counted: Latencies): void };
  /** Calls `update` before every `render`, for what is known elsewhere and not worth telling at each change. */
  beforeRender(update: () => void | Promise<void>): void;
  /** Everything, in Prometheus' text format. */
  render(): Promise<string>;
  readonly contentType: string;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry of its own. With `process`, also what Node itself says: CPU, memory, event loop, garbage collection. */
export function createMetrics(options: { process?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.process === true) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const updates: (() => void | Promise<void>)[] = [];
  return {
    counter: (name, help, labels = []) =>
      found(registry, name, Counter) ?? new Counter({ name, help, labelNames: [...labels], registers }),
    gauge: (name, help, labels = []) =>
      found(registry, name, Gauge) ?? new Gauge({ name, help, labelNames: [...labels], registers }),
    histogram: (name, help, labels = [], buckets = SECONDS) =>
      found(registry, name, Histogram) ??
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    latencies: (name, help) => found(registry, name, ShownHistogram) ?? new ShownHistogram({ name, help, registers }),
    beforeRender: (update) => void updates.push(update),
    async render() {
      for (const update of updates) await update();
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}

/** Shows durations that are counted elsewhere. */
class ShownHistogram extends Histogram {
  /** What a histogram is but for its values. */
  private readonly empty: Histogram;
  private counted: Latencies = { buckets: [], sum: 0 };

  constructor(options: { name: string; help: string; registers: Registry[] }) {
    const buckets = [...LATENCY_BOUNDS];
    super({ ...options, buckets });
    this.empty = new Histogram({ ...options, buckets, registers: [] });
  }

  show(counted: Latencies): void {
    this.counted = counted;
  }

  override async get(): ReturnType<Histogram['get']> {
    const { counted } = this;
    const { name, ...metric } = await this.empty.get();
    let below = 0;
    const buckets = LATENCY_BOUNDS.map((le, at) => {
      below += counted.buckets[at] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le }, value: below };
    });
    const count = countOf(counted);
    const values = [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: {}, value: counted.sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return { ...metric, name, values };
  }

  /** What a registry renders, where a metric has it. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }
}

/** Shows which version runs, so that a dashboard can count the processes of each. */
export function exportBuildInfo(metrics: Metrics, version: string): void {
  const info = metrics.gauge(METRICS.buildInfo, 'Always 1; its labels are the version of the process', [
    'version',
    'wire',
  ]);
  info.set({ version, wire: String(SOCKET_PROTOCOL_VERSION) }, 1);
}

/** What a connection to the backbone counts of itself: plain numbers, so that nothing is imported for them. */
export interface BackboneCounts {
  readonly reconnects: number;
  readonly staleEpochEvents: number;
  readonly gapsFilled: number;
  readonly readersRebuilt: number;
  readonly foreignMessages: number;
  /** Events of sessions that were appended to the log. */
  readonly eventsAppended: number;
  /** From the first attempt to store a message until the server acknowledged it. */
  readonly appends: Latencies;
  /** Attempts that the server refused or did not answer. A message that waits is attempted again. */
  readonly appendsFailed: number;
}

/**
 * Shows what a process's connection to the backbone does and survived. A new connection begins at 0 again, as a process
 * does.
 */
export function exportBackboneMetrics(
  metrics: Metrics,
  counts: () => BackboneCounts | Promise<BackboneCounts>,
  isConnected: () => boolean,
): void {
  const shown = [
    [metrics.counter(METRICS.backboneReconnects, 'Reconnects to nats-server'), 'reconnects'],
    [metrics.counter(METRICS.backboneStale, 'Events with a stale epoch, skipped'), 'staleEpochEvents'],
    [metrics.counter(METRICS.backboneGaps, 'Gaps in live streams repaired from the log'), 'gapsFilled'],
    [metrics.counter(METRICS.backboneRebuilt, 'Readers rebuilt after a failure'), 'readersRebuilt'],
    [metrics.counter(METRICS.backboneForeign, 'Messages from an unauthorized publisher, skipped'), 'foreignMessages'],
    [metrics.counter(METRICS.backboneEvents, 'Events of sessions, appended to the log'), 'eventsAppended'],
    [metrics.counter(METRICS.backboneAppendsFailed, 'Attempts to store a message that failed'), 'appendsFailed'],
  ] as const;
  const connected = metrics.gauge(METRICS.backboneConnected, '1 while connected to nats-server, else 0');
  const appends = metrics.latencies(METRICS.backboneAppendSeconds, 'Seconds until nats-server stored a message');
  metrics.beforeRender(async () => {
    connected.set(isConnected() ? 1 : 0);
    const now = await counts();
    appends.show(now.appends);
    for (const [counter, field] of shown) {
      counter.reset();
      counter.inc(now[field]);
    }
  });
}

function found<T>(registry: Registry, name: string, kind: abstract new (...args: never[]) => T): T | undefined {
  const metric: unknown = registry.getSingleMetric(name);
  if (metric === undefined) return undefined;
  if (metric instanceof kind) return metric;
  throw new TypeError(`The metric ${name} is already registered as another kind`);
}
