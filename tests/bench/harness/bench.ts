import type { Report } from './report.js';

/** What a bench is run with. */
export interface BenchContext {
  /** Fewer and shorter runs. */
  quick: boolean;
  report: Report;
  /** Undone when the bench is over, however it ends; the last one first. */
  readonly defer: (undo: () => Promise<void> | void) => void;
}

export interface Bench {
  name: string;
  /** What it measures, for `--help`. */
  title: string;
  run(context: BenchContext): Promise<void>;
}

/** A bench that cannot run here says why with this. */
export class CannotRun extends Error {}
