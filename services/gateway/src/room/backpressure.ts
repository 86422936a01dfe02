import type { ClientConnection } from '../wire/clientConnection.js';
import type { RoomLimits } from './limits.js';

const SWEEP_MS = 25;

interface Waiting {
  resolve: () => void;
  buffered: number;
  since: number;
}

/**
 * Waits for viewers to take what was written to them. One timer for all that wait; who takes nothing for 30 s is closed
 * with `too_slow` and can resume.
 */
export class DrainWaiter {
  private readonly waiting = new Map<ClientConnection, Waiting>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly limits: Pick<RoomLimits, 'refillBytes' | 'stallMs'>) {}

  /** Whether a connection has taken too little for now. */
  isWaiting(wire: ClientConnection): boolean {
    return this.waiting.has(wire);
  }

  /** Resolves when little is unsent, or the connection is over. */
  ready(wire: ClientConnection): Promise<void> {
    if (!wire.open || wire.buffered < this.limits.refillBytes) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.set(wire, { resolve, buffered: wire.buffered, since: Date.now() });
      this.timer ??= setInterval(() => this.sweep(), SWEEP_MS);
    });
  }

  /** Something of this one was taken: look now rather than at the next sweep. */
  recheck(wire: ClientConnection): void {
    const entry = this.waiting.get(wire);
    if (entry !== undefined) this.look(wire, entry);
  }

  private sweep(): void {
    for (const [wire, entry] of this.waiting) this.look(wire, entry);
    if (this.waiting.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(wire: ClientConnection, entry: Waiting): void {
    const { buffered } = wire;
    if (!wire.open || buffered < this.limits.refillBytes) {
      this.waiting.delete(wire);
      entry.resolve();
    } else if (buffered < entry.buffered) {
      entry.buffered = buffered;
      entry.since = Date.now();
    } else if (Date.now() - entry.since >= this.limits.stallMs) {
      wire.close('too_slow');
    }
  }
}
