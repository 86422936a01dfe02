import { withTimeout } from '@pizzapi/process';

/** How long the end of a stream may take to be read, in ms: a scrape must not wait for nats-server. */
const ANSWER_MS = 2_000;

/** The gauge, as far as the lag sets it. */
interface LagGauge {
  set(labels: { stream: string }, value: number): void;
  remove(labels: { stream: string }): void;
}

/** How many offsets each projection is behind the end of its stream. A process in standby has no lag. */
export class ProjectionLag {
  private readonly positions = new Map<string, () => number>();

  constructor(private readonly gauge: LagGauge) {}

  /** Shows the lag of a projection until the returned function is called. */
  follow(stream: string, position: () => number): () => void {
    this.positions.set(stream, position);
    return () => {
      if (this.positions.get(stream) !== position) return;
      this.positions.delete(stream);
      this.gauge.remove({ stream });
    };
  }

  /** Reads the end of each stream. The last lag stays where the end cannot be read. */
  async show(headOf: (stream: string) => Promise<number>): Promise<void> {
    const read = async (stream: string, position: () => number): Promise<void> => {
      const head = await withTimeout(
        headOf(stream).catch(() => undefined),
        ANSWER_MS,
      );
      if (head !== undefined && this.positions.get(stream) === position)
        this.gauge.set({ stream }, Math.max(0, head - position()));
    };
    await Promise.all([...this.positions].map(([stream, position]) => read(stream, position)));
  }
}
