import { createHmac, randomBytes } from 'node:crypto';
import { deriveKey, isSameSecret, secretHash } from '@pizzapi/process';
import { cookieName, readCookie } from './cookie.js';

/** How long a browser is known as one that has signed in before, in seconds. */
const DEVICE_TTL_S = 365 * 24 * 60 * 60;
/** Accounts that one browser is known to. */
const MAX_ACCOUNTS = 4;
const NONCE_BYTES = 12;
const MARK = /^([\w-]{16})([\w-]{43})$/;

/**
 * Tells a browser that has signed in to an account before from one that never has: a mark, signed with the gateway's
 * secret, that lets nobody in. Its attempts at that account count by themselves, so that no stranger can use them up.
 */
export class DeviceCookie {
  private readonly key: Buffer;
  private readonly name: string;
  private readonly attributes: string;

  constructor(secret: Uint8Array, secure: boolean, path = '') {
    this.key = deriveKey(secret, 'device');
    this.name = cookieName('pizzapi-device', secure, path);
    // A cookie that is bound to its host is bound to the path as well.
    this.attributes = `Path=${secure && path === '' ? '/' : `${path}/api/auth`}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  }

  /** What names this browser at an account, or undefined when it has never signed in there. `address`: to sign in with. */
  deviceOf(header: string | undefined, address: string): string | undefined {
    const mark = this.marks(header).find((one) => this.isFor(one, address));
    return mark === undefined ? undefined : secretHash(mark);
  }

  /** The `Set-Cookie` header by which this browser is known at one more account; undefined when it is already. */
  keep(header: string | undefined, address: string): string | undefined {
    const marks = this.marks(header);
    if (marks.some((mark) => this.isFor(mark, address))) return undefined;
    const nonce = randomBytes(NONCE_BYTES).toString('base64url');
    const kept = [nonce + this.sign(nonce, address), ...marks].slice(0, MAX_ACCOUNTS);
    return `${this.name}=${kept.join('.')}; Max-Age=${DEVICE_TTL_S}; ${this.attributes}`;
  }

  private marks(header: string | undefined): string[] {
    const value = readCookie(header, this.name) ?? '';
    return value.split('.', MAX_ACCOUNTS).filter((mark) => MARK.test(mark));
  }

  private isFor(mark: string, address: string): boolean {
    const [, nonce = '', signature = ''] = MARK.exec(mark) ?? [];
    return isSameSecret(signature, this.sign(nonce, address));
  }

  private sign(nonce: string, address: string): string {
    return createHmac('sha256', this.key)
      .update(`${nonce}.${secretHash(address)}`)
      .digest('base64url');
  }
}
