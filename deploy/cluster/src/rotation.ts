/** How long an address that did not accept a connection is tried last, in ms. */
const RESTING_MS = 1_000;

/** A host and a port that receive connections. */
export interface BackendAddress {
  host: string;
  port: number;
}

/**
 * Chooses backends in turn. An address that just refused a connection comes after the others, but is never left out: when
 * all have refused, all are tried.
 */
export class Rotation {
  private next = 0;
  private readonly restingUntil = new Map<BackendAddress, number>();

  constructor(
    private readonly backends: readonly BackendAddress[],
    private readonly now: () => number = Date.now,
  ) {}

  /** Returns every backend once, in the order in which one connection tries them. */
  order(): BackendAddress[] {
    const first = this.next;
    this.next = (this.next + 1) % this.backends.length;
    const turn = [...this.backends.slice(first), ...this.backends.slice(0, first)];
    const isResting = (backend: BackendAddress) => (this.restingUntil.get(backend) ?? 0) > this.now();
    return [...turn.filter((backend) => !isResting(backend)), ...turn.filter(isResting)];
  }

  accepted(backend: BackendAddress): void {
    this.restingUntil.delete(backend);
  }

  refused(backend: BackendAddress): void {
    this.restingUntil.set(backend, this.now() + RESTING_MS);
  }
}
