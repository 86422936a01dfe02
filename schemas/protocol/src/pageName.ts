/**
 * The host name of the page of a local installation that has no configured name. Browsers send a cookie to every port
 * of a host, so the page needs a host name that no other program on the machine uses: `localhost` and 127.0.0.1 are
 * shared. Browsers resolve names that end in `.localhost` to this machine. Not all other programs do, so they use
 * 127.0.0.1.
 */
export const PAGE_NAME = 'pizzapi.localhost';

/** Returns an address for a program, because a program may not resolve `PAGE_NAME`. */
export function programUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.hostname !== PAGE_NAME) return url;
  parsed.hostname = '127.0.0.1';
  return parsed.href.replace(/\/+$/, '');
}

/** Returns whether an address names the machine of the reader itself, so that no other device can open it. */
export function isOfThisMachine(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const host = new URL(url).hostname.toLowerCase();
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
