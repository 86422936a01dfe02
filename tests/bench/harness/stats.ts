/** The numbers of a run, sorted for quantiles. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]!;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Cells of 10 µs up to 10 ms, of 100 µs up to 1 s, of 10 ms up to 60 s. Longer times count as 60 s. */
const FINE = 1_000;
const MIDDLE = 9_900;
const COARSE = 5_900;

/**
 * A latency histogram of fixed size. It is cheap enough to count every delivery, and is sent over IPC without
 * conversion.
 */
export class Histogram {
  readonly cells: number[];

  constructor(cells?: readonly number[]) {
    this.cells = cells === undefined ? new Array<number>(FINE + MIDDLE + COARSE).fill(0) : [...cells];
  }

  /** Milliseconds; a negative value counts as zero. */
  add(ms: number): void {
    this.cells[cellOf(ms)]!++;
  }

  get count(): number {
    return this.cells.reduce((sum, cell) => sum + cell, 0);
  }

  /** Returns the upper bound of the cell that holds the quantile, in ms. */
  quantile(q: number): number {
    const wanted = Math.ceil(q * this.count);
    let seen = 0;
    for (let cell = 0; cell < this.cells.length; cell++) {
      seen += this.cells[cell]!;
      if (seen >= wanted && seen > 0) return endOf(cell);
    }
    return Number.NaN;
  }
}

function cellOf(ms: number): number {
  if (ms < 10) return Math.max(0, Math.floor(ms * 100));
  if (ms < 1_000) return FINE + Math.floor((ms - 10) * 10);
  return FINE + MIDDLE + Math.min(COARSE - 1, Math.floor((ms - 1_000) / 10));
}

function endOf(cell: number): number {
  if (cell < FINE) return (cell + 1) / 100;
  if (cell < FINE + MIDDLE) return 10 + (cell - FINE + 1) / 10;
  return 1_000 + (cell - FINE - MIDDLE + 1) * 10;
}
