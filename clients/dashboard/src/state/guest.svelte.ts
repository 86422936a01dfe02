import { readShare, shareToken, type ReadShareClaims } from '../model/shareLink.js';
import { parseRoute } from '../model/route.js';
import { currentPath } from './pagePath.js';
import { pageToken } from './pageToken.js';
import { storage, tabStorage } from './storage.js';

/** Characters of a guest's name. */
export const MAX_GUEST_NAME = 40;

/** Somebody who came by a link: the one session it opens, and what they want to be called. */
export class Guest {
  readonly sid: string;
  /** Empty when the link was cut: there is nothing to ask the gateway with. */
  readonly token: string;
  readonly claims: ReadShareClaims | undefined;
  name = $state(storage.get('guest.name') ?? '');
  /**
   * This browser is signed in, as far as it knows: the guest goes by the name of the account, and is not asked for one.
   * The gateway takes the name from the account.
   */
  readonly isSignedIn = pageToken.get() !== undefined;
  /** The name of the account, once the gateway has told it. */
  account = $state<string>();
  /** Whether this is a session of the person's own is not known yet. */
  checking = $state(this.isSignedIn);
  /** Asked once in this browser; a person may skip it, and may change it later. */
  asking = $state(!this.isSignedIn && storage.get('guest.asked') === undefined);

  constructor(sid: string, token: string) {
    this.sid = sid;
    this.token = token;
    this.claims = readShare(token);
  }

  /** What a connection shows of the guest: the link, and the account or the name that was typed. */
  get connectOptions(): { token?: string; shareToken?: string; name?: string } {
    if (this.isSignedIn) return { shareToken: this.token };
    return { token: this.token, ...(this.name === '' ? {} : { name: this.name }) };
  }

  introduce(name: string): void {
    this.name = name.trim().slice(0, MAX_GUEST_NAME);
    this.asking = false;
    storage.set('guest.name', this.name);
    storage.set('guest.asked', 'yes');
  }
}

/**
 * The guest in front of this page, if it was opened by a link: now, or earlier in this tab. The token leaves the address
 * bar at once, so that it is in no history, no screenshot and no copied address.
 */
function arrive(): Guest | undefined {
  const route = parseRoute(currentPath(), location.hash);
  if (route.page !== 'session') return undefined;
  const token = shareToken(location.hash);
  if (token !== undefined) {
    tabStorage.set(`share.${route.sid}`, token);
    history.replaceState(null, '', location.pathname);
    return new Guest(route.sid, token);
  }
  const kept = tabStorage.get(`share.${route.sid}`);
  return kept === undefined ? undefined : new Guest(route.sid, kept);
}

export const guest = arrive();

/** The link is not needed: the person may see the session without it. */
export function dropLink(sid: string): void {
  tabStorage.forget(`share.${sid}`);
}

/** Who is signed in sees sessions as themselves, also those that a link was opened to in this tab before. */
export function forgetLinks(): void {
  tabStorage.forget('share.');
}

// A link that is opened in this very tab changes nothing but the fragment, and the page must start anew.
addEventListener('hashchange', () => {
  if (shareToken(location.hash) !== undefined) location.reload();
});
