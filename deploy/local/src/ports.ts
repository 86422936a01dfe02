import { CodedError } from '@pizzapi/protocol';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** `port` when it is free, any free one for 0. Throws `port_in_use`. */
export async function claimPort(port: number, host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(taken ? new CodedError('port_in_use', `Port ${port} of ${host} is taken`, { cause }) : cause);
    });
    server.listen(port, host, resolve);
  });
  const claimed = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return claimed;
}
