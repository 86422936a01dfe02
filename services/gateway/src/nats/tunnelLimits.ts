import { networkOf } from '@pizzapi/process';

/** Connections that pass through to nats-server at one gateway. */
export const MAX_TUNNELS = 16_384;
/** Of one address (IPv6: one /64): two runners with all the sessions that each may have. */
export const MAX_TUNNELS_OF_ADDRESS = 2_048;
/**
 * Of one address, connections that nats-server may not have let in yet. It ends those without a valid login after two seconds,
 * so that this bounds what an address without credentials can hold and try.
 */
export const MAX_NEW_OF_ADDRESS = 512;
/** A connection that lasts this long was let in, in ms. */
export const LET_IN_MS = 4_000;

interface Count {
  open: number;
  fresh: number;
}

/** Counts connections that pass through to nats-server. The gateway does not read them, so it counts by address and age. */
export class TunnelLimits {
  private readonly counts = new Map<string, Count>();
  private total = 0;

  /** Counts a connection until the returned function is called, once; undefined where there are too many already. */
  take(ip: string): (() => void) | undefined {
    const key = networkOf(ip);
    const count = this.counts.get(key) ?? { open: 0, fresh: 0 };
    if (this.total >= MAX_TUNNELS || count.open >= MAX_TUNNELS_OF_ADDRESS || count.fresh >= MAX_NEW_OF_ADDRESS)
      return undefined;
    this.counts.set(key, count);
    this.total++;
    count.open++;
    count.fresh++;
    let isFresh = true;
    const age = (): void => {
      if (isFresh) count.fresh--;
      isFresh = false;
    };
    const timer = setTimeout(age, LET_IN_MS).unref();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      clearTimeout(timer);
      age();
      this.total--;
      if (--count.open === 0) this.counts.delete(key);
    };
  }
}
