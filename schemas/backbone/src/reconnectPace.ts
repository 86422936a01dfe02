/**
 * Pauses between attempts to come back, in ms: while there is no server, and at most while it refuses us. Services are
 * few and come back first: a host that connects before the authenticator waits for a time-out of the server.
 */
const RECONNECT_MS = { min: 100, max: 1_000, service: 250, refused: 10_000 };
/** Refusals before the pauses grow: after a restart of everything the authenticator may be back later than a host. */
const SHORT_REFUSALS = 4;

/** How long a connection that was lost waits until it tries again. */
export class ReconnectPace {
  private refusals = 0;

  constructor(
    private readonly isService = false,
    private readonly random: () => number = Math.random,
  ) {}

  /** The server is there and does not let us in. */
  refused(): void {
    this.refusals++;
  }

  back(): void {
    this.refusals = 0;
  }

  /** The next pause in ms, jittered. */
  next(): number {
    const { min, max, service, refused } = RECONNECT_MS;
    if (this.isService && this.refusals === 0) return Math.max(min, service * this.random());
    const most = Math.min(refused, max * 2 ** Math.max(0, this.refusals - SHORT_REFUSALS));
    return Math.max(min, most * (0.1 + 0.9 * this.random()));
  }
}
