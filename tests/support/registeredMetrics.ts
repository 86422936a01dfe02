import { createMetrics, showBackbone, type Metrics } from '@pizzapi/process';
import { createMeters as createAuthenticatorMeters } from '../../services/authenticator/src/meters.js';
import { GatewayMetrics } from '../../services/gateway/src/metrics.js';
import { createMeters as createProjectorMeters } from '../../services/meta-projector/src/meters.js';
import { createNotifierMeters } from '../../services/meta-projector/src/notifier/meters.js';
import { createMeters as createRunnerMeters, showSessions } from '../../clients/runner/src/daemon/meters.js';
import { runnerHome } from '@pizzapi/runner';

interface RegisteredMetric {
  name: string;
  kind: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  process: string;
}

/** Every metric that a process of ours registers, in the order of registration. */
export function registeredMetrics(): RegisteredMetric[] {
  const found: RegisteredMetric[] = [];
  const of = (process: string): Metrics => recording(process, found);
  const noCounts = { reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 0, foreignMessages: 0 };
  new GatewayMetrics(of('gateway'), () => 0);
  createProjectorMeters(of('projector'));
  createNotifierMeters(of('projector'));
  createAuthenticatorMeters(of('authenticator'));
  createRunnerMeters(of('runner'));
  showSessions(of('runner'), runnerHome('/nowhere'), () => []);
  showBackbone(of('all'), () => noCounts);
  return found;
}

/** A registry that notes what is registered in it. */
function recording(process: string, found: RegisteredMetric[]): Metrics {
  const metrics = createMetrics();
  return {
    ...metrics,
    counter(name, help, labels = []) {
      found.push({ name, kind: 'counter', help, labels, process });
      return metrics.counter(name, help, labels);
    },
    gauge(name, help, labels = []) {
      found.push({ name, kind: 'gauge', help, labels, process });
      return metrics.gauge(name, help, labels);
    },
    histogram(name, help, labels = [], buckets) {
      found.push({ name, kind: 'histogram', help, labels, process });
      return buckets === undefined
        ? metrics.histogram(name, help, labels)
        : metrics.histogram(name, help, labels, buckets);
    },
  };
}
