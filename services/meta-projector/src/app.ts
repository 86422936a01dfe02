import { partitionsOf, streamHead, type Backbone } from '@pizzapi/backbone';
import {
  exportBackboneMetrics,
  exportBuildInfo,
  packageVersion,
  type Logger,
  type Metrics,
  type Service,
} from '@pizzapi/process';
import { runAsLeader } from './leaderElection.js';
import { scopeOf } from './partitionScope.js';
import { PartitionSharing } from './partitionSharing.js';
import { createProjectorMetrics } from './metrics.js';
import { createNotifierMetrics } from './notifier/metrics.js';
import type { NotifierOptions } from './notifier/notifier.js';
import { ActiveProjector, type ActiveProjectorOptions, type LeadershipSignals } from './activeProjector.js';

const VERSION = packageVersion(import.meta.url);

export interface ProjectorOptions extends Pick<
  ActiveProjectorOptions,
  'reaper' | 'sweeper' | 'guests' | 'orchestrator'
> {
  backbone: Backbone;
  log: Logger;
  metrics: Metrics;
  /** Where notifications may be sent, by default not to private addresses, and where their links lead. */
  notifier?: Partial<Omit<NotifierOptions, 'backbone' | 'log' | 'metrics'>>;
  /** How long the lease of an active projector that died keeps a standby waiting; ms. */
  lease?: { ttlMs?: number; renewMs?: number; pollMs?: number };
}

export interface Projector extends Service {
  /** Whether it folds now, rather than standing by: the log, or some of its partitions. */
  active(): boolean;
  /** The partitions that it folds now, in order. */
  partitions(): number[];
}

/**
 * The meta-projector: folds the logs into the buckets `session-meta`, `sessions` and `runners`. Of several, one is
 * active and the others stand by; with several partitions they share them evenly. The backbone must have been provisioned.
 */
export function createProjector({ backbone, log, metrics: registry, lease, ...options }: ProjectorOptions): Projector {
  const metrics = createProjectorMetrics(registry);
  const notifier = { metrics: createNotifierMetrics(registry), reach: { allowPrivate: false }, ...options.notifier };
  const isConnected = () => backbone.status() === 'connected';
  exportBackboneMetrics(registry, () => backbone.counters, isConnected);
  exportBuildInfo(registry, VERSION);
  registry.beforeRender(() => (isConnected() ? metrics.lag.show((stream) => streamHead(backbone, stream)) : undefined));
  const ending = new AbortController();
  let running: Promise<void> = Promise.resolve();
  /** The partitions of the terms that run. */
  const terms = new Set<number>();

  const showTerms = (): void => {
    metrics.active.set(terms.size > 0 ? 1 : 0);
    metrics.activePartitions.set(terms.size);
  };
  const term = async (partition: number, signals: LeadershipSignals): Promise<void> => {
    terms.add(partition);
    showTerms();
    metrics.terms.inc();
    try {
      const scope = scopeOf(backbone, partition);
      await new ActiveProjector({ backbone, log, metrics, scope, ...options, notifier }, signals).run();
    } finally {
      terms.delete(partition);
      showTerms();
    }
  };
  const lead = (): Promise<void> => {
    const common = { backbone, log, signal: ending.signal, ...lease };
    const partitions = partitionsOf(backbone);
    if (partitions > 1) return new PartitionSharing({ ...common, partitions, term }).run();
    return runAsLeader({ ...common, term: (signals) => term(0, signals) });
  };

  const end = async () => {
    ending.abort();
    await running.catch(() => undefined);
  };
  return {
    name: 'meta-projector',
    active: () => terms.size > 0,
    partitions: () => [...terms].sort((one, other) => one - other),
    async run() {
      metrics.partitions.set(partitionsOf(backbone));
      showTerms();
      running = lead();
      await running;
    },
    drain: end,
    stop: end,
  };
}
