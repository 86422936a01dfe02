import { PAGE_NAME } from '@pizzapi/protocol';

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
