/** Lets so many pieces of work run at once; the others wait in line. */
export class Limiter {
  private running = 0;
  private readonly line: (() => void)[] = [];

  constructor(private readonly most: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) await new Promise<void>((resolve) => this.line.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      // The place is handed on, not given back: nobody overtakes the line.
      const next = this.line.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
