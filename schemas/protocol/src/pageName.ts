/**
 * The name of the page of a run that nobody has named. Browsers do not tell ports apart when they send a cookie, so that
 * the page needs a name that no other program of the machine has: `localhost` and 127.0.0.1 are everybody's. Browsers
 * know names that end in `.localhost` as this machine; other programs do not everywhere, and take 127.0.0.1.
 */
export const PAGE_NAME = 'pizzapi.localhost';

/** An address for a program, which may not find `PAGE_NAME`. */
export function programUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.hostname !== PAGE_NAME) return url;
  parsed.hostname = '127.0.0.1';
  return parsed.href.replace(/\/+$/, '');
}
