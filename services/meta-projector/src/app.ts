import type { Backbone } from '@pizzapi/backbone';
import { exportBackboneMetrics, type Logger, type Metrics, type Service } from '@pizzapi/process';
import { runAsLeader } from './leaderElection.js';
import { createProjectorMetrics } from './metrics.js';
import { createNotifierMetrics } from './notifier/metrics.js';
import type { NotifierOptions } from './notifier/notifier.js';
import { ActiveProjector, type ActiveProjectorOptions } from './activeProjector.js';

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
  /** Whether it folds now, rather than standing by. */
  active(): boolean;
}

/**
 * The meta-projector: folds the logs into the buckets `session-meta`, `sessions` and `runners`. Of several, one is
 * active and the others stand by. The backbone must have
 * been provisioned.
 */
export function createProjector({ backbone, log, metrics: registry, lease, ...options }: ProjectorOptions): Projector {
  const metrics = createProjectorMetrics(registry);
  const notifier = { metrics: createNotifierMetrics(registry), reach: { allowPrivate: false }, ...options.notifier };
  exportBackboneMetrics(registry, () => backbone.counters);
  const ending = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let active = false;

  const term: Parameters<typeof runAsLeader>[0]['term'] = async (signals) => {
    active = true;
    metrics.active.set(1);
    try {
      await new ActiveProjector({ backbone, log, metrics, ...options, notifier }, signals).run();
    } finally {
      active = false;
      metrics.active.set(0);
    }
  };

  const end = async () => {
    ending.abort();
    await running.catch(() => undefined);
  };
  return {
    name: 'meta-projector',
    active: () => active,
    async run() {
      metrics.active.set(0);
      running = runAsLeader({ backbone, log, signal: ending.signal, term, ...lease });
      await running;
    },
    drain: end,
    stop: end,
  };
}
