/**
 * The name of the page of a run that nobody has named. Browsers do not tell ports apart when they send a cookie, so that
 * the page needs a name that no other program of the machine has: `localhost` and 127.0.0.1 are everybody's. Browsers
 * know names that end in `.localhost` as this machine; other programs do not everywhere, and take 127.0.0.1.
 */
export const PAGE_NAME = 'pizzapi.localhost';

/** The two addresses that browsers look for such a name at. */
export const LOOPBACK = ['127.0.0.1', '::1'] as const;

/** Whether a server at this address is reached by `PAGE_NAME`: on this machine, or on all addresses. */
export function isAtPageName(listenHost: string): boolean {
  return ['localhost', '::1', '0.0.0.0', '::', ''].includes(listenHost) || /^127(\.\d{1,3}){3}$/.test(listenHost);
}

/** `http://<host>:<port>`, as programs reach a gateway. */
export function hostUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where people open the page of a gateway. */
export function pageUrl(publicUrl: string | undefined, listenHost: string, port: number): string {
  return publicUrl ?? hostUrl(isAtPageName(listenHost) ? PAGE_NAME : listenHost, port);
}

/** The same address for a program, which may not find `PAGE_NAME`. */
export function programUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.hostname !== PAGE_NAME) return url;
  parsed.hostname = LOOPBACK[0];
  return parsed.href.replace(/\/+$/, '');
}
