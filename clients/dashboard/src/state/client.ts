import { createApi } from '@pizzapi/session-client';

/** The gateway that served this page. */
export const GATEWAY = location.origin;

/** Its HTTP API, on the page's cookie. */
export const api = createApi({ url: '' });
