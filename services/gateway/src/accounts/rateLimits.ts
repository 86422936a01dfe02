import { networkOf, secretHash } from '@pizzapi/process';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Attempts that one client has in a minute, and a device at the account that it once signed in to. */
const ATTEMPTS_PER_MINUTE = 10;
/** How many times as many everybody else together has at one account. */
const ACCOUNT_FACTOR = 10;
/** How long an account takes no attempts of others, the first time that these were too many; each time twice as long. */
const FIRST_BLOCK_S = 60;
const LONGEST_BLOCK_S = 15 * 60;
/** How long such a time is remembered, in seconds. */
const MEMORY_S = 60 * 60;

/** What is limited, each by itself. */
export type AttemptOutcome =
  | 'login'
  | 'signup'
  | 'link'
  | 'password'
  | 'pair'
  | 'pair_lookup'
  | 'notification_test'
  | 'share_person'
  | 'share_code'
  | 'invitation'
  | 'handover'
  | 'install'
  | 'issuer'
  | 'issuer_logout';

/** Whose attempt it is. */
export interface Attempter {
  ip: string;
  /** What was given as the name of an account, whether there is one or not. */
  account?: string;
  /** The device, where it has signed in to this account before. */
  device?: string | undefined;
  /** Who tries is signed in to the account: no stranger's attempt counts at it. */
  signedIn?: boolean;
}

/**
 * Counts attempts in the memory of this gateway. A client counts by its address (IPv6: by its /64, which is what one
 * customer has). At an account the attempts of all clients count together as well, far above what one has, so that
 * nobody keeps others from it alone; and who tries from many addresses does not keep it from the devices of its owner,
 * which count by themselves.
 */
export class AttemptRateLimiter {
  private readonly clients;
  private readonly devices;
  private readonly accounts;
  private readonly blocks;

  constructor(points = ATTEMPTS_PER_MINUTE) {
    this.clients = new RateLimiterMemory({ points, duration: 60, keyPrefix: 'client' });
    this.devices = new RateLimiterMemory({ points, duration: 60, keyPrefix: 'device' });
    this.accounts = new RateLimiterMemory({ points: points * ACCOUNT_FACTOR, duration: 60, keyPrefix: 'account' });
    this.blocks = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: MEMORY_S, keyPrefix: 'block' });
  }

  /**
   * Counts an attempt. Undefined when it may go on, or else the seconds to wait. A client that is sent away does not
   * count against the account.
   */
  async consume(
    what: AttemptOutcome,
    { ip, account, device, signedIn = false }: Attempter,
  ): Promise<number | undefined> {
    // A device that has used up what is its own is a client like any other.
    if (device !== undefined && (await consume(this.devices, keyOf(what, device))) === undefined) return undefined;
    const wait = await consume(this.clients, keyOf(what, networkOf(ip)));
    if (wait !== undefined || account === undefined) return wait;
    const key = keyOf(what, secretHash(account));
    return signedIn ? consume(this.devices, key) : this.takeAtAccount(key);
  }

  /** The seconds that a client has to wait for its next attempt; undefined when it may try now. Counts nothing. */
  async waitOf(what: AttemptOutcome, { ip }: Pick<Attempter, 'ip'>): Promise<number | undefined> {
    const counted = await this.clients.get(keyOf(what, networkOf(ip)));
    if (counted === null || counted.consumedPoints < this.clients.points) return undefined;
    return Math.max(1, Math.ceil(counted.msBeforeNext / 1_000));
  }

  /** It was no guess, and does not count. */
  async refund(what: AttemptOutcome, { ip, account, device, signedIn = false }: Attempter): Promise<void> {
    if (device !== undefined) return void (await this.devices.delete(keyOf(what, device)));
    await this.clients.reward(keyOf(what, networkOf(ip)));
    if (account === undefined) return;
    const key = keyOf(what, secretHash(account));
    await (signedIn ? this.devices.delete(key) : this.accounts.reward(key));
  }

  private async takeAtAccount(key: string): Promise<number | undefined> {
    const wait = await consume(this.accounts, key);
    if (wait === undefined) return undefined;
    const { consumedPoints } = (await this.accounts.get(key)) ?? { consumedPoints: 0 };
    // Once for each time that there were too many, not for each that came too late.
    if (consumedPoints !== this.accounts.points + 1) return wait;
    const { consumedPoints: times } = await this.blocks.consume(key);
    const seconds = Math.min(LONGEST_BLOCK_S, FIRST_BLOCK_S * 2 ** (times - 1));
    await this.accounts.block(key, seconds);
    return seconds;
  }
}

const keyOf = (what: AttemptOutcome, who: string): string => `${what}/${who}`;

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
