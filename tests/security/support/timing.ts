/** How far two medians may be apart, as a share of the smaller one. */
export const TOLERANCE = 0.1;
/** A machine that does other work meanwhile may spoil a round; a difference that is there spoils all of them. */
const ROUNDS = 3;

/**
 * How far apart the medians of two kinds of work are, as a share of the smaller: the least of some rounds. The two take
 * turns, and each is first as often as the other, so that whatever else goes on falls on both alike.
 */
export async function apart(
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
  tries: number,
): Promise<{ share: number; medians: string }> {
  let best = { share: Infinity, medians: '' };
  for (let round = 0; round < ROUNDS && best.share > TOLERANCE; round++) {
    const [timesA, timesB]: [number[], number[]] = [[], []];
    await a();
    await b();
    for (let i = 0; i < tries; i++) {
      if (i % 2 === 0) timesA.push(await timed(a));
      timesB.push(await timed(b));
      if (i % 2 === 1) timesA.push(await timed(a));
    }
    const [left, right] = [median(timesA), median(timesB)];
    const share = Math.abs(left - right) / Math.min(left, right);
    if (share < best.share) best = { share, medians: `${left.toFixed(2)} ms and ${right.toFixed(2)} ms` };
  }
  return best;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
