import { createApi } from '@pizzapi/session-client';
import { guest } from './guest.svelte.js';

/** The gateway that served this page. */
export const GATEWAY = location.origin;

/** A guest is a guest, also in a browser where somebody is signed in. */
const withoutCookie: typeof fetch = (input, init) => fetch(input, { ...init, credentials: 'omit' });

/** Its HTTP API: on the page's cookie, or on the link that the page was opened by. */
export const api = createApi({
  url: '',
  ...(guest === undefined || guest.token === '' ? {} : { token: guest.token, fetch: withoutCookie }),
});
