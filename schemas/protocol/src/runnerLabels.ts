import type { RunnerInfo } from './info.js';
import { visibleLine } from './foreignText.js';

/** The minimum number of characters of an id that tell equal names apart. */
const SUFFIX = 4;

type NamedRunner = Pick<RunnerInfo, 'runnerId' | 'name' | 'kind'>;

/**
 * Returns how to call each runner: its name, or its id when it has none. Runners of one kind with equal names also have
 * the end of their id, as far as it tells them apart: `laptop (x2p4)`.
 */
export function runnerLabels(runners: readonly NamedRunner[]): ReadonlyMap<string, string> {
  const byName = new Map<string, NamedRunner[]>();
  for (const runner of runners) {
    const key = `${runner.kind} ${nameOf(runner)}`;
    byName.set(key, [...(byName.get(key) ?? []), runner]);
  }
  return new Map([...byName.values()].flatMap(labelsOf));
}

function labelsOf(equal: readonly NamedRunner[]): [rid: string, label: string][] {
  if (equal.length === 1) return equal.map((runner) => [runner.runnerId, nameOf(runner)]);
  const longest = Math.max(...equal.map(({ runnerId }) => runnerId.length));
  const ends = (length: number) => equal.map(({ runnerId }) => runnerId.slice(-length));
  let length = SUFFIX;
  while (length < longest && new Set(ends(length)).size < equal.length) length += 1;
  return equal.map((runner) => [runner.runnerId, `${nameOf(runner)} (${runner.runnerId.slice(-length)})`]);
}

function nameOf({ name, runnerId }: NamedRunner): string {
  return visibleLine(name) || runnerId;
}
