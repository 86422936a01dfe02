import { loginAt } from './logins.js';
import type { SessionRef } from './sessionRef.js';
import { gatewayApi } from '@pizzapi/runner/access';

/**
 * Returns how a person with a share link opens its session. A person who is signed in at its gateway (`pizzapi login`)
 * opens it as the account, if the account has access, and otherwise as the guest of the link under the name of the
 * account. Any other person is the guest of the link.
 */
export async function withAccount(ref: SessionRef, home: string): Promise<SessionRef> {
  const { url, sid, token: link, guest } = ref;
  const key = guest ? loginAt(home, url) : undefined;
  if (key === undefined || link === undefined) return ref;
  const own = await gatewayApi({ url, token: key }).session(sid);
  if (own.kind === 'ok') return { url, sid, token: key, guest: false };
  // The login may have ended: then the link alone counts.
  const named = await gatewayApi({ url, token: key, shareToken: link }).me();
  return named.kind === 'ok' ? { ...ref, token: key, shareToken: link } : ref;
}
