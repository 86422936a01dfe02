import { expect, it } from 'vitest';
import { createMetrics, METRICS, exportBackboneMetrics } from './metrics.js';

it('what a connection counts is shown as it is at every reading, and begins again with a new connection', async () => {
  const metrics = createMetrics();
  let counts = { reconnects: 1, staleEpochEvents: 2, gapsFilled: 3, readersRebuilt: 4, foreignMessages: 5 };
  exportBackboneMetrics(metrics, () => counts);
  const shown = async () => (await metrics.render()).split('\n').filter((line) => line.startsWith('pizzapi_backbone'));
  const lines = (...values: number[]) =>
    [
      ...[METRICS.backboneReconnects, METRICS.backboneStale, METRICS.backboneGaps],
      ...[METRICS.backboneRebuilt, METRICS.backboneForeign],
    ].map((name, index) => `${name} ${values[index]!}`);
  expect(await shown()).toEqual(lines(1, 2, 3, 4, 5));
  counts.gapsFilled = 7;
  expect(await shown()).toEqual(lines(1, 2, 7, 4, 5));
  expect(await shown()).toEqual(lines(1, 2, 7, 4, 5));
  counts = { reconnects: 0, staleEpochEvents: 0, gapsFilled: 0, readersRebuilt: 1, foreignMessages: 0 };
  expect(await shown()).toEqual(lines(0, 0, 0, 1, 0));
});
