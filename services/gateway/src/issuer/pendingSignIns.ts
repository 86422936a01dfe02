import { randomBytes } from 'node:crypto';
import { bucket, type Backbone } from '@pizzapi/backbone';
import { isSameSecret, secretHash } from '@pizzapi/process';
import type { AuthorizationChecks } from './issuerClient.js';
import { PENDING_MS } from './pendingCookie.js';
import type { Sealer } from '../auth/sealed.js';

const PURPOSE = 'pizzapi-oidc-pending';

/** A sign-in that a browser has begun. */
export interface PendingSignIn {
  checks: AuthorizationChecks;
  redirectUri: string;
  returnTo: string;
  invitation?: string;
}

/** What a browser keeps: the value of a cookie, and a secret of the page. */
interface KeptByBrowser {
  cookie: string;
  binding: string;
}

/**
 * Sign-ins that browsers have begun. The browser keeps each one itself, sealed, so that any gateway can finish it: a part in a
 * cookie that no script reads, and a part in the storage of the page that no other program is sent. Each counts once.
 */
export class PendingSignIns {
  private readonly used;

  constructor(
    b: Backbone,
    private readonly sealer: Sealer,
  ) {
    this.used = bucket<{ usedAt: number }>(b, 'accounts');
  }

  async create({ checks, redirectUri, returnTo, invitation = '' }: PendingSignIn): Promise<KeptByBrowser> {
    const binding = randomBytes(32).toString('base64url');
    const values = { ...checks, redirectUri, returnTo, invitation, bound: secretHash(binding) };
    return { cookie: await this.sealer.seal(PURPOSE, values, PENDING_MS), binding };
  }

  /** The sign-in of this cookie and this page, the first time that it is asked for. */
  async take(cookie: string | undefined, binding: string): Promise<PendingSignIn | undefined> {
    const values = cookie === undefined ? undefined : await this.sealer.open(PURPOSE, cookie);
    const text = (key: string): string => {
      const value = values?.[key];
      return typeof value === 'string' ? value : '';
    };
    if (values === undefined || !isSameSecret(text('bound'), secretHash(binding))) return undefined;
    const state = text('state');
    const key = `oidc-state.${secretHash(state)}`;
    const taken = await this.used.create(key, { usedAt: Date.now() }, { ttlMs: PENDING_MS });
    if (taken.kind === 'conflict') return undefined;
    const invitation = text('invitation');
    return {
      checks: { state, nonce: text('nonce'), verifier: text('verifier') },
      ...{ redirectUri: text('redirectUri'), returnTo: text('returnTo') },
      ...(invitation === '' ? {} : { invitation }),
    };
  }
}
