import { networkOf } from '@pizzapi/process';
import type { Principal } from '../auth/principal.js';

/** Sockets that may be open at one gateway. */
export const MAX_SOCKETS_OF_LINK = 32;
/** Of guests from one address (IPv6: one /64), whatever their links. */
export const MAX_SOCKETS_OF_GUEST_ADDRESS = 64;
/** Of one login or API key. */
export const MAX_SOCKETS_OF_CREDENTIAL = 1_000;
/** Of one account, however it is signed in. */
export const MAX_SOCKETS_OF_ACCOUNT = 5_000;

/** What a socket counts against, and how many may count against it. */
type Share = readonly [key: string, limit: number];

function sharesOf({ userId, credential, share, ip = '' }: Principal): Share[] {
  if (share !== undefined)
    return [
      [`link ${share.sid} ${credential.id}`, MAX_SOCKETS_OF_LINK],
      [`address ${networkOf(ip)}`, MAX_SOCKETS_OF_GUEST_ADDRESS],
    ];
  const account: Share = [`account ${userId}`, MAX_SOCKETS_OF_ACCOUNT];
  // The programs of the machine itself share one secret: they count as the account alone.
  if (credential.kind === 'local') return [account];
  return [account, [`${credential.kind} ${credential.id}`, MAX_SOCKETS_OF_CREDENTIAL]];
}

/** Counts open sockets, so that nobody can take all that a gateway has. Guests do not count against the account. */
export class SocketLimits {
  private readonly open = new Map<string, number>();

  /** Counts a socket until the returned function is called, once; undefined where there are too many already. */
  take(principal: Principal): (() => void) | undefined {
    const shares = sharesOf(principal);
    if (shares.some(([key, limit]) => (this.open.get(key) ?? 0) >= limit)) return undefined;
    for (const [key] of shares) this.open.set(key, (this.open.get(key) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const [key] of shares) this.release(key);
    };
  }

  private release(key: string): void {
    const left = (this.open.get(key) ?? 0) - 1;
    if (left > 0) this.open.set(key, left);
    else this.open.delete(key);
  }
}
