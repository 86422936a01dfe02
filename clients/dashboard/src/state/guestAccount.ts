import { createApi } from '@pizzapi/session-client';
import { api, signedIn } from './client.js';
import { dropLink, type Guest } from './guest.svelte.js';
import { pageToken } from './pageToken.js';

/**
 * Finds out who opened a share link in a browser that is signed in. A person who may see the session without the link
 * leaves the link behind. Anyone else is a guest under the name of the account.
 */
export async function identifyGuest(guest: Guest): Promise<void> {
  if (!guest.isSignedIn || guest.token === '') {
    guest.checking = false;
    return;
  }
  const own = await createApi({ url: '', pageToken: signedIn.pageToken }).session(guest.sid);
  if (own.kind === 'ok') {
    dropLink(guest.sid);
    return location.reload();
  }
  if (own.status === 401) {
    // The sign-in has ended: the person is a guest without an account.
    pageToken.forget();
    return location.reload();
  }
  const me = await api.me();
  if (me.kind === 'ok') guest.account = me.value.name;
  guest.checking = false;
}
