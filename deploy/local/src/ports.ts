import { randomPort } from '@pizzapi/nats-server';
import { hostUrl, isAtPageName, LOOPBACK } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Number of attempts to find a port that is free on all addresses. */
const ATTEMPTS = 20;

/**
 * Returns `port` if it is free, or any free port for 0, which stays free until the gateway has
 * started. A gateway whose page has a local host name needs the port on both
 * loopback addresses. Throws `port_in_use`.
 */
export async function claimPort(port: number, host: string): Promise<number> {
  const others = isAtPageName(host) ? LOOPBACK.filter((address) => address !== host) : [];
  for (let attempt = 1; ; attempt++) {
    try {
      const claimed = await claim(port === 0 ? randomPort() : port, host);
      for (const address of others) await claim(claimed, address);
      return claimed;
    } catch (error) {
      if (port !== 0 || attempt === ATTEMPTS || !(error instanceof CodedError)) throw error;
    }
  }
}

async function claim(port: number, host: string): Promise<number> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE')
        reject(
          new CodedError('port_in_use', `${hostUrl(host, port).slice('http://'.length)} is in use by another program`, {
            cause,
          }),
        );
      // This machine has no such address, so that no other program can listen on it.
      else if (port !== 0 && ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(cause.code ?? '')) resolve(false);
      else reject(cause);
    });
    server.listen({ port, host, ipv6Only: host === '::1' }, () => resolve(true));
  });
  if (!isListening) return port;
  const claimed = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return claimed;
}
