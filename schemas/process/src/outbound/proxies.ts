import { CodedError, isOfThisMachine } from '@pizzapi/protocol';
import { getProxyForUrl } from 'proxy-from-env';

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];

/**
 * Returns the HTTP proxy for an address by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, or undefined for a direct
 * connection. A WebSocket takes the proxy of the same address with http. An address of this machine never takes one.
 * Throws `bad_option` for a proxy of another kind.
 */
export function proxyOf(url: string): string | undefined {
  const http = url.replace(/^ws/i, 'http');
  if (!URL.canParse(http) || isOfThisMachine(http)) return undefined;
  const proxy = getProxyForUrl(http);
  if (proxy === '') return undefined;
  if (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol)) return proxy;
  throw new CodedError(
    'bad_option',
    `${shownProxy(proxy)} is not the address of an HTTP proxy (HTTPS_PROXY, HTTP_PROXY)`,
  );
}

/** An address of a proxy without the password that it may have. */
export function shownProxy(proxy: string): string {
  if (!URL.canParse(proxy)) return 'an unreadable address';
  const url = new URL(proxy);
  url.username = url.password = '';
  return url.href.replace(/\/$/, '');
}

/** Whether the environment names a proxy at all. */
export function namesProxy(env: NodeJS.ProcessEnv = process.env): boolean {
  return PROXY_VARIABLES.slice(0, 3).some((name) => Boolean(env[name] ?? env[name.toUpperCase()]));
}
