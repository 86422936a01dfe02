import { networkOf, secretHash } from '@pizzapi/process';
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

async function consume(limiter: RateLimiterMemory, key: string): Promise<number | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (limited) {
    if (!(limited instanceof RateLimiterRes)) throw limited;
    return Math.max(1, Math.ceil(limited.msBeforeNext / 1_000));
  }
}
