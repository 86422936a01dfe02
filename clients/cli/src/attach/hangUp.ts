import type { Io } from '../io.js';

/** Watches whether the terminal goes away: by the signal, or because a stream of it fails. */
export class HangUp {
  #isGone = false;
  readonly #listeners = new Set<() => void>();
  readonly #noticed = () => {
    this.#isGone = true;
    for (const listener of this.#listeners) listener();
  };

  constructor(private readonly io: Pick<Io, 'stdin' | 'stdout' | 'stderr' | 'signals'>) {
    const { stdin, stdout, stderr, signals } = io;
    signals.on('SIGHUP', this.#noticed);
    for (const stream of [stdin, stdout, stderr]) stream.on('error', this.#noticed);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  onGone(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Stops watching. The streams of a terminal that is gone still fail, and the failures mean nothing. */
  stop(): void {
    const { stdin, stdout, stderr, signals } = this.io;
    this.#listeners.clear();
    if (this.#isGone) return;
    signals.off('SIGHUP', this.#noticed);
    for (const stream of [stdin, stdout, stderr]) stream.off('error', this.#noticed);
  }
}
