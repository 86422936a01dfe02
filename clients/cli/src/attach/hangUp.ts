import type { Io } from '../io.js';

/** Watches whether the terminal goes away: by the signal, or because its keys or its screen fail. */
export class HangUp {
  #isGone = false;
  readonly #noticed = () => {
    this.#isGone = true;
    this.onGone();
  };
  /** Hints on stderr are not needed to go on, and stderr may be a file. */
  readonly #ignore = () => undefined;

  /** Calls `onGone` when the terminal is gone, perhaps more than once. */
  constructor(
    private readonly io: Pick<Io, 'stdin' | 'stdout' | 'stderr' | 'signals'>,
    private readonly onGone: () => void,
  ) {
    io.signals.on('SIGHUP', this.#noticed);
    io.stdin.on('error', this.#noticed);
    io.stdout.on('error', this.#noticed);
    io.stderr.on('error', this.#ignore);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Stops watching a terminal that is still there. The streams of one that is gone go on failing, without a meaning. */
  stop(): void {
    if (this.#isGone) return;
    this.io.signals.off('SIGHUP', this.#noticed);
    this.io.stdin.off('error', this.#noticed);
    this.io.stdout.off('error', this.#noticed);
    this.io.stderr.off('error', this.#ignore);
  }
}
