import { METRICS, type Metrics } from '@pizzapi/process';
import { ProjectionLag } from './projectionLag.js';

/** What the projector counts. Names are in the table of @pizzapi/process. */
export function createProjectorMetrics(metrics: Metrics) {
  return {
    events: metrics.counter(METRICS.projectorEvents, 'Projected events', ['stream']),
    poison: metrics.counter(METRICS.projectorPoison, 'Poison events, skipped', ['stream']),
    stale: metrics.counter(METRICS.projectorStale, 'Events with a stale epoch, skipped'),
    conflicts: metrics.counter(METRICS.projectorConflicts, 'Row writes that conflicted with another writer', [
      'bucket',
    ]),
    flushSeconds: metrics.histogram(METRICS.projectorFlushSeconds, 'Seconds to write the rows of a batch', ['stream']),
    cursor: metrics.gauge(METRICS.projectorCursor, 'Offset up to which events are projected', ['stream']),
    lag: new ProjectionLag(
      metrics.gauge(METRICS.projectorLag, 'Stored offsets that are not projected yet, while this process is active', [
        'stream',
      ]),
    ),
    terms: metrics.counter(METRICS.projectorTerms, 'Times that this process became active for a partition'),
    active: metrics.gauge(METRICS.projectorActive, '1 while this process is active, 0 while it is standby'),
    activePartitions: metrics.gauge(
      METRICS.projectorActivePartitions,
      'Partitions of the log that this process projects',
    ),
    partitions: metrics.gauge(METRICS.projectorPartitions, 'Partitions of the log'),
    ended: metrics.counter(METRICS.reaperEnded, 'Sessions ended because their runner was lost'),
    links: {
      sent: metrics.counter(METRICS.linksSent, 'Commands from one linked session to another', ['command']),
      receipts: metrics.counter(METRICS.linksReceipts, 'Delivery receipts to senders, by outcome', ['outcome']),
      waiting: metrics.gauge(METRICS.linksWaiting, 'Commands between linked sessions without a result yet'),
    },
    waiting: metrics.gauge(METRICS.reaperWaiting, 'Sessions without a runner, within the grace period'),
  };
}

export type ProjectorMetrics = ReturnType<typeof createProjectorMetrics>;
