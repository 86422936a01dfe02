import { guestUserId } from '@pizzapi/protocol';
import type { Principal } from './principal.js';
import type { CredentialCache } from './credentialCache.js';
import type { ShareStore } from './shareStore.js';
import type { ShareTokens } from './shareTokens.js';

/** Lets in who holds the token of a share link that lives. */
export class ShareGuests {
  constructor(
    private readonly tokens: ShareTokens,
    private readonly store: ShareStore,
    private readonly credentialCache: CredentialCache,
  ) {}

  /** The guest of a link, or undefined when the token is not ours or its link is over. Links rest while their account does. */
  async verify(token: string): Promise<Principal | undefined> {
    const named = await this.tokens.verify(token);
    const share = named === undefined ? undefined : await this.store.find(named.sid, named.shareId);
    // A share with an account has no link. No token is signed for one.
    if (share === undefined || share.grantee !== undefined) return undefined;
    const account = await this.credentialCache.account(share.userId);
    if (account?.disabledAt !== undefined) return undefined;
    return {
      userId: guestUserId(share.shareId),
      name: 'Guest',
      role: 'guest',
      via: 'collab',
      credential: { kind: 'share', id: share.shareId },
      share: { sid: share.sessionId, mode: share.mode, ...(share.files === true ? { files: true } : {}) },
    };
  }
}
