import { PAGE_PATH } from './pagePath.js';
import { storage } from './storage.js';

const KEY = 'login';
/** Where the service worker finds it: it has no storage of the page's. */
const CACHE = `pizzapi${PAGE_PATH}`;
const CACHED = '/page-token';

/** Where storage is forbidden, a sign-in lasts as long as the page. */
let inMemory: string | undefined;

/**
 * What the page shows beside its cookie, which other programs of the same host may be sent by the browser. This the
 * browser keeps for this very origin, port and all. Asked for anew each time: another tab may have signed in or out.
 */
export const pageToken = {
  get: (): string | undefined => storage.get(KEY) ?? inMemory,

  keep(token: string | undefined): void {
    if (token === undefined) return;
    inMemory = token;
    storage.set(KEY, token);
    void inCache((cache) => cache.put(CACHED, new Response(token)));
  },

  forget(): void {
    inMemory = undefined;
    storage.set(KEY, '');
    void inCache((cache) => cache.delete(CACHED));
  },
};

/** Not every page has a cache, nor has it room. Then the service worker has no token, and the page does its work. */
async function inCache(work: (cache: Cache) => Promise<unknown>): Promise<void> {
  if (!('caches' in globalThis)) return;
  try {
    await work(await caches.open(CACHE));
  } catch {
    // As above.
  }
}
