import { METRICS, type Metrics } from '@pizzapi/process';

/** What the projector counts. Names are in the table of @pizzapi/process. */
export function createProjectorMetrics(metrics: Metrics) {
  return {
    events: metrics.counter(METRICS.projectorEvents, 'Events folded', ['stream']),
    poison: metrics.counter(METRICS.projectorPoison, 'Events that could not be understood and were passed', ['stream']),
    stale: metrics.counter(METRICS.projectorStale, 'Events of a lower epoch than the highest seen, passed'),
    conflicts: metrics.counter(METRICS.projectorConflicts, 'Writes of a row that met another writer', ['bucket']),
    flushSeconds: metrics.histogram(METRICS.projectorFlushSeconds, 'Seconds to write what a batch changed', ['stream']),
    cursor: metrics.gauge(METRICS.projectorCursor, 'Offset up to which everything is folded', ['stream']),
    active: metrics.gauge(METRICS.projectorActive, '1 while this process folds, 0 while it stands by'),
    ended: metrics.counter(METRICS.reaperEnded, 'Sessions ended because their host was lost'),
    links: {
      sent: metrics.counter(METRICS.linksSent, 'Commands from one linked session to another', ['command']),
      receipts: metrics.counter(METRICS.linksReceipts, 'What senders were told of what they sent', ['outcome']),
      waiting: metrics.gauge(METRICS.linksWaiting, 'Commands between linked sessions without a result yet'),
    },
    waiting: metrics.gauge(METRICS.reaperWaiting, 'Sessions without a host that are within their grace'),
  };
}

export type ProjectorMetrics = ReturnType<typeof createProjectorMetrics>;
