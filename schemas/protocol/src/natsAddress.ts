const WEB_SOCKET = /^wss?:\/\//i;

/** Whether an address of nats-server is reached over WebSocket. */
export const isWebSocketAddress = (url: string): boolean => WEB_SOCKET.test(url.trim());

/** Splits the addresses of nats-server as an option holds them: separated by commas. */
export const splitAddresses = (urls: string): string[] =>
  urls
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');

/** The address at which a gateway passes runners on to nats-server: `wss://h/pizza/nats` for `https://h/pizza`. */
export function natsUrlOfGateway(gatewayUrl: string): string {
  const { protocol, host, pathname } = new URL(gatewayUrl);
  const isSecure = protocol === 'https:' || protocol === 'wss:';
  return `${isSecure ? 'wss' : 'ws'}://${host}${pathname.replace(/\/+$/, '')}/nats`;
}
