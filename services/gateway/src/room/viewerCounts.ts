import { isMap } from '@pizzapi/protocol';

/** Sessions that one message of a gateway counts. The rest follow with the next one. */
const COUNTED_AT_ONCE = 2_000;

/**
 * How many viewers each session has at this gateway and at the other ones, so that a list can show it also for sessions that
 * no viewer of this gateway has open. Pure: `PresenceExchange` sends and receives.
 */
export class ViewerCounts {
  private readonly own = new Map<string, number>();
  private readonly unsent = new Set<string>();
  private readonly elsewhere = new Map<string, Map<string, number>>();

  /** Sets how many viewers a session has at this gateway. */
  set(sid: string, count: number): void {
    if ((this.own.get(sid) ?? 0) === count) return;
    if (count === 0) this.own.delete(sid);
    else this.own.set(sid, count);
    this.unsent.add(sid);
  }

  /** The viewers of a session at the other gateways. */
  countElsewhere(sid: string): number {
    let sum = 0;
    for (const counts of this.elsewhere.values()) sum += counts.get(sid) ?? 0;
    return sum;
  }

  /** Returns the counts that the other gateways do not have yet, undefined for none, and takes them as sent. */
  takeUnsent(): Record<string, number> | undefined {
    if (this.unsent.size === 0) return undefined;
    const sids = [...this.unsent].slice(0, COUNTED_AT_ONCE);
    for (const sid of sids) this.unsent.delete(sid);
    return Object.fromEntries(sids.map((sid) => [sid, this.own.get(sid) ?? 0]));
  }

  /** Has all counts sent again, because a gateway has none or may have missed some. */
  sendAgain(): void {
    for (const sid of this.own.keys()) this.unsent.add(sid);
  }

  /** Takes the counts of another gateway. */
  receive(gateway: string, message: unknown): void {
    if (!isMap(message)) return;
    const counts = this.elsewhere.get(gateway) ?? new Map<string, number>();
    for (const [sid, count] of Object.entries(message)) {
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) continue;
      if (count === 0) counts.delete(sid);
      else counts.set(sid, count);
    }
    this.elsewhere.set(gateway, counts);
  }

  /** Drops the counts of a gateway that has ended. */
  drop(gateway: string): void {
    this.elsewhere.delete(gateway);
  }

  /** Drops all counts of other gateways, which may be out of date: they are asked for theirs. */
  clearElsewhere(): void {
    this.elsewhere.clear();
  }
}
