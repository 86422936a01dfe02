import { METRICS, type Metrics } from '@pizzapi/process';

/** What the notifier counts. */
export function createNotifierMetrics(metrics: Metrics) {
  return {
    sent: metrics.counter(METRICS.notificationsSent, 'Notifications that left, or were given up', [
      'channel',
      'outcome',
    ]),
    silent: metrics.counter(METRICS.notificationsSilent, 'Events without a notification, by reason', ['reason']),
    dropped: metrics.counter(METRICS.notificationsDropped, 'Notifications that were not sent, by reason', ['reason']),
    waiting: metrics.gauge(METRICS.notificationsWaiting, 'Notifications that settle, or are on their way out', [
      'stage',
    ]),
  };
}

export type NotifierMetrics = ReturnType<typeof createNotifierMetrics>;
