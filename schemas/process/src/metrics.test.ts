import { expect, it } from 'vitest';
import { countOf, LATENCY_BOUNDS, LatencyCounts } from './latency.js';
import { createMetrics, METRICS, exportBackboneMetrics } from './metrics.js';

it('what a connection counts is shown as it is at every reading, and begins again with a new connection', async () => {
  const metrics = createMetrics();
  const none = { appends: new LatencyCounts(), appendsFailed: 0, eventsAppended: 0 };
  let counts = { ...none, reconnects: 1, staleEpochEvents: 2, gapsFilled: 3, readersRebuilt: 4, foreignMessages: 5 };
  exportBackboneMetrics(
    metrics,
    () => counts,
    () => true,
  );
  const names = /^pizzapi_backbone_(reconnects|stale|gaps|readers|foreign)/;
  const shown = async () => (await metrics.render()).split('\n').filter((line) => names.test(line));
  const lines = (...values: number[]) =>
    [
      ...[METRICS.backboneReconnects, METRICS.backboneStale, METRICS.backboneGaps],
      ...[METRICS.backboneRebuilt, METRICS.backboneForeign],
    ].map((name, index) => `${name} ${values[index]!}`);
  expect(await shown()).toEqual(lines(1, 2, 3, 4, 5));
  counts.gapsFilled = 7;
  expect(await shown()).toEqual(lines(1, 2, 7, 4, 5));
  expect(await shown()).toEqual(lines(1, 2, 7, 4, 5));
  counts = { ...none, reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 1, foreignMessages: 0 };
  expect(await shown()).toEqual(lines(0, 0, 0, 1, 0));
});

it('durations that are counted elsewhere are shown as the histogram that the client library would make of them', async () => {
  const durations = [0.0004, 0.0005, 0.003, 0.003, 0.7, 42];
  const counted = new LatencyCounts();
  const metrics = createMetrics();
  const shown = metrics.latencies('pizzapi_shown_seconds', 'shown');
  const usual = metrics.histogram('pizzapi_usual_seconds', 'usual', [], LATENCY_BOUNDS);
  for (const one of durations) {
    counted.observe(one);
    usual.observe(one);
  }
  shown.show(counted);
  const lines = (await metrics.render()).split('\n');
  const of = (name: string) =>
    lines.filter((line) => line.startsWith(`pizzapi_${name}`)).map((line) => line.replace(name, ''));
  expect(of('shown')).toEqual(of('usual'));
  expect(of('shown')).toHaveLength(LATENCY_BOUNDS.length + 3);
});

it('durations of two processes add up', () => {
  const one = new LatencyCounts();
  const other = new LatencyCounts();
  for (const duration of [1, 3]) one.observe(duration);
  other.observe(3);
  one.add({ buckets: [...other.buckets], sum: other.sum });
  expect({ count: countOf(one), sum: one.sum }).toEqual({ count: 3, sum: 7 });
});

it('no metric has exemplars', async () => {
  const metrics = createMetrics({ process: true });
  metrics.histogram('pizzapi_some_seconds', 'some').observe(1);
  expect(metrics.contentType).toMatch(/^text\/plain/);
  expect(await metrics.render()).not.toMatch(/^[^#\n]+#/m);
});
