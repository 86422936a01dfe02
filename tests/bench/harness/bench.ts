import type { Report } from './report.js';

/** The context of a bench. */
export interface BenchContext {
  /** Whether to run fewer and shorter runs. */
  quick: boolean;
  /** Only the cases with this text in their name run. Benches without cases run whole. */
  only: string;
  report: Report;
  /** Cleanups that run when the bench ends, also after an error, in reverse order. */
  readonly defer: (undo: () => Promise<void> | void) => void;
}

export interface Bench {
  name: string;
  /** What the bench measures, for `--help`. */
  title: string;
  /** The maximum duration, in ms. */
  limitMs?: number;
  run(context: BenchContext): Promise<void>;
}

/** A bench throws this error with the reason why it cannot run on this machine. */
export class CannotRun extends Error {}
