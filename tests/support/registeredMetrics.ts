import { createMetrics, exportBackboneMetrics, exportBuildInfo, LatencyCounts, type Metrics } from '@pizzapi/process';
import { createAuthenticatorMetrics } from '../../services/authenticator/src/metrics.js';
import { GatewayMetrics } from '../../services/gateway/src/metrics.js';
import { createProjectorMetrics } from '../../services/meta-projector/src/metrics.js';
import { createNotifierMetrics } from '../../services/meta-projector/src/notifier/metrics.js';
import { createRunnerMetrics, exportSessionMetrics } from '../../clients/runner/src/daemon/metrics.js';
import { runnerHome } from '@pizzapi/runner';

interface RegisteredMetric {
  name: string;
  kind: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  process: string;
}

/** Returns every metric that our processes register, in the order of registration. */
export function registeredMetrics(): RegisteredMetric[] {
  const found: RegisteredMetric[] = [];
  const of = (process: string): Metrics => recording(process, found);
  const noCounts = {
    ...{ reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 0, foreignMessages: 0 },
    ...{ appends: new LatencyCounts(), appendsFailed: 0, eventsAppended: 0 },
  };
  new GatewayMetrics(of('gateway'));
  createProjectorMetrics(of('projector'));
  createNotifierMetrics(of('projector'));
  createAuthenticatorMetrics(of('authenticator'));
  const { workers } = createRunnerMetrics(of('runner'));
  exportSessionMetrics(of('runner'), runnerHome('/nowhere'), () => [], workers);
  exportBackboneMetrics(
    of('all'),
    () => noCounts,
    () => false,
  );
  exportBuildInfo(of('all'), '0.0.0');
  return found;
}

/** Returns a registry that records the metrics that are registered in it. */
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
    latencies(name, help) {
      found.push({ name, kind: 'histogram', help, labels: [], process });
      return metrics.latencies(name, help);
    },
  };
}
