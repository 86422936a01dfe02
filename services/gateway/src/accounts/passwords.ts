import { randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { isSameSecret, Semaphore } from '@pizzapi/process';

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Bounds what a stored hash may ask for, in bytes. */
const MAX_MEMORY = 64 * 1024 * 1024;
/** When to come back if too many wait, in seconds. */
export const BUSY_S = 5;

/** What the hash of a password costs, and how many are made. */
export interface PasswordLimits {
  cost: { N: number; r: number; p: number };
  /** Made at once: the thread pool has four threads, and files and names need some of them. */
  running: number;
  /** Waiting for their turn; further ones are refused. */
  waiting: number;
}

/** A hash takes 32 MiB and about a quarter of a second (OWASP, "Password Storage Cheat Sheet": one of its equal choices). */
const PASSWORD_LIMITS: PasswordLimits = { cost: { N: 2 ** 15, r: 8, p: 3 }, running: 2, waiting: 32 };

const STORED = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{8,})\$([\w-]{22,})$/;

interface Hash {
  cost: PasswordLimits['cost'];
  salt: Buffer;
  hash: Buffer;
}

export type PasswordVerdict = 'right' | 'wrong' | 'busy';

/** Makes and checks the hashes of passwords, first come, first served. A check costs the same whatever is stored. */
export class Passwords {
  private readonly limits: PasswordLimits;
  private readonly hashing: Semaphore;
  /** Stands in for the hash of an account that does not exist or has none: no password fits. */
  private readonly dummy: Hash;

  constructor(limits: Partial<PasswordLimits> = {}) {
    this.limits = { ...PASSWORD_LIMITS, ...limits };
    this.hashing = new Semaphore(this.limits.running, { maxWaiting: this.limits.waiting });
    this.dummy = { cost: this.limits.cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  }

  /** What is stored of a password, or undefined when too many wait. */
  async hash(password: string): Promise<string | undefined> {
    const { cost } = this.limits;
    const salt = randomBytes(SALT_BYTES);
    const hash = await this.derive(password, { cost, salt });
    if (hash === undefined) return undefined;
    return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
  }

  /** Whether a password is the stored one. Without one (no such account) it is always wrong, after the same work. */
  async verify(password: string, stored: string | undefined): Promise<PasswordVerdict> {
    const right = (stored === undefined ? undefined : parse(stored)) ?? this.dummy;
    const hash = await this.derive(password, right);
    if (hash === undefined) return 'busy';
    return isSameSecret(hash, right.hash) ? 'right' : 'wrong';
  }

  private async derive(password: string, { cost, salt }: Omit<Hash, 'hash'>): Promise<Buffer | undefined> {
    const options = { ...cost, maxmem: MAX_MEMORY };
    return this.hashing.tryRun(() => scryptOf(password.normalize('NFKC'), salt, options));
  }
}

function parse(stored: string): Hash | undefined {
  const match = STORED.exec(stored);
  if (match === null) return undefined;
  const [N, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  // What scrypt would refuse (RFC 7914), or what would take too much memory.
  if (N < 2 || !Number.isInteger(Math.log2(N)) || 128 * r * (N + p + 2) > MAX_MEMORY) return undefined;
  return { cost: { N, r, p }, salt: Buffer.from(match[4]!, 'base64url'), hash: Buffer.from(match[5]!, 'base64url') };
}

function scryptOf(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(password, salt, HASH_BYTES, options, (error, hash) => (error === null ? resolve(hash) : reject(error))),
  );
}
