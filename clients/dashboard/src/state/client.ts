import { createApi } from '@pizzapi/session-client';
import { isMap } from '@pizzapi/protocol';
import { forPage } from '../model/pageErrors.js';
import { visible } from '../model/visible.js';
import { guest } from './guest.svelte.js';
import { GATEWAY, PAGE_PATH } from './pagePath.js';
import { pageToken } from './pageToken.js';

/** The options of a connection of a signed-in person. */
export const signedIn = { url: GATEWAY, pageToken: () => pageToken.get() };

/** A guest who is not signed in sends no cookie, also in a browser that has one. */
const withoutCookie: typeof fetch = (input, init) => fetch(input, { ...init, credentials: 'omit' });

const isError = (value: unknown): value is { code: string; message: string } =>
  isMap(value) && typeof value['code'] === 'string' && typeof value['message'] === 'string';

/** Texts of others in a reply are made safe to show. */
function visibleReply(reply: unknown): unknown {
  if (isMap(reply) && isError(reply['error'])) return visible({ ...reply, error: forPage(reply['error']) });
  return isMap(reply) && 'value' in reply ? { ...visible(reply), value: visible(reply['value']) } : visible(reply);
}

/** The same API, with replies that are safe to show. */
function withVisibleReplies<A extends object>(calls: A): A {
  return new Proxy(calls, {
    get: (target, name) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== 'function') return call;
      return async (...args: unknown[]): Promise<unknown> => visibleReply(await Reflect.apply(call, target, args));
    },
  });
}

/** Its HTTP API: on the page's cookie and token, or on the link that the page was opened by. */
export const api = withVisibleReplies(
  createApi({
    url: PAGE_PATH,
    ...(guest === undefined || guest.token === ''
      ? { pageToken: signedIn.pageToken }
      : guest.isSignedIn
        ? { pageToken: signedIn.pageToken, shareToken: guest.token }
        : { token: guest.token, fetch: withoutCookie }),
  }),
);
