import { secretHash } from '@pizzapi/process';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Attempts that one client, or everybody at one account, has in a minute. */
const ATTEMPTS_PER_MINUTE = 10;

/** What is limited, each by itself. */
export type Attempt = 'login' | 'signup' | 'link' | 'password' | 'pair' | 'pair_lookup' | 'notification_test';

/**
 * Counts attempts in the memory of this gateway. A client counts by its address (IPv6: by its /64, which is what one
 * customer has), an account by what was given as its name, whether there is one or not.
 */
export class AttemptLimits {
  private readonly clients;
  private readonly accounts;

  constructor(points = ATTEMPTS_PER_MINUTE) {
    this.clients = new RateLimiterMemory({ points, duration: 60, keyPrefix: 'client' });
    this.accounts = new RateLimiterMemory({ points, duration: 60, keyPrefix: 'account' });
  }

  /**
   * Counts an attempt. Undefined when it may go on, or else the seconds to wait. A client that is sent away does not
   * count against the account, so that it cannot lock others out for longer than its own attempts last.
   */
  async take(what: Attempt, ip: string, account?: string): Promise<number | undefined> {
    const wait = await consume(this.clients, `${what}/${networkOf(ip)}`);
    if (wait !== undefined || account === undefined) return wait;
    return consume(this.accounts, `${what}/${secretHash(account)}`);
  }

  /** It was no guess: the client gets its attempt back, and the account starts anew. */
  async succeeded(what: Attempt, ip: string, account?: string): Promise<void> {
    await this.clients.reward(`${what}/${networkOf(ip)}`);
    if (account !== undefined) await this.accounts.delete(`${what}/${secretHash(account)}`);
  }
}

/** Counts one of a key, or several. Undefined when it may go on, or else the seconds to wait. */
export async function consume(limiter: RateLimiterMemory, key: string, points = 1): Promise<number | undefined> {
  try {
    await limiter.consume(key, points);
    return undefined;
  } catch (limited) {
    if (!(limited instanceof RateLimiterRes)) throw limited;
    return Math.max(1, Math.ceil(limited.msBeforeNext / 1_000));
  }
}

/** What one customer has: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(ip);
  if (mapped !== null) return mapped[1]!;
  if (!ip.includes(':')) return ip;
  const [left = [], right = []] = ip.split('::').map((side) => side.split(':').filter((group) => group !== ''));
  const zeros = ip.includes('::') ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0') : [];
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
