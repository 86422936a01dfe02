import type { BackboneCounters } from '@pizzapi/backbone';
import type { BackboneCounts } from '@pizzapi/process';

/** Returns the counters of a connection as plain values, for another process. */
export function plainCounts(counters: Readonly<BackboneCounters>): BackboneCounts {
  const { buckets, sum } = counters.appends;
  return { ...counters, appends: { buckets: [...buckets], sum } };
}
