import { createApi } from '@pizzapi/session-client';
import { guest } from './guest.svelte.js';
import { pageToken } from './pageToken.js';

/** The gateway that served this page. */
const GATEWAY = location.origin;

/** The options of a connection of a signed-in person. */
export const signedIn = { url: GATEWAY, pageToken: () => pageToken.get() };

/** A guest is a guest, also in a browser where somebody is signed in. */
const withoutCookie: typeof fetch = (input, init) => fetch(input, { ...init, credentials: 'omit' });

/** Its HTTP API: on the page's cookie and token, or on the link that the page was opened by. */
export const api = createApi({
  url: '',
  ...(guest === undefined || guest.token === ''
    ? { pageToken: signedIn.pageToken }
    : { token: guest.token, fetch: withoutCookie }),
});
