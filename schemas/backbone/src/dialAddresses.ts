import { CodedError, isWebSocketAddress } from '@pizzapi/protocol';

/**
 * Returns the addresses of one connection as the client takes them: those of WebSockets with their port, without which it
 * shows that of plain NATS. Throws `bad_option` where both kinds are mixed or an address has a user.
 */
export function dialAddresses(urls: readonly string[]): { servers: string[]; overWebSocket: boolean } {
  const overWebSocket = urls.some(isWebSocketAddress);
  if (!overWebSocket) return { servers: [...urls], overWebSocket };
  const servers = urls.map((url) => {
    if (!isWebSocketAddress(url))
      throw new CodedError('bad_option', 'The addresses of nats-server mix ws:// or wss:// with others; use one kind');
    const { protocol, hostname, port, pathname, username, password } = new URL(url.trim());
    if (username !== '' || password !== '')
      throw new CodedError(
        'bad_option',
        'An address of nats-server holds a user name, which belongs into the credentials',
      );
    return `${protocol}//${hostname}:${port || (protocol === 'wss:' ? '443' : '80')}${pathname}`;
  });
  return { servers, overWebSocket };
}
