import { createServer, request as ask, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A reverse proxy that hands the paths below one path on, beside another program on the same host. */
export interface PathProxy {
  port: number;
  /** Whether the proxy takes the path away before it hands a request on. */
  strips: boolean;
  /** The cookies that the other program was sent. */
  cookiesElsewhere: (string | undefined)[];
  close(): void;
}

/** Starts a reverse proxy on 127.0.0.1 that hands what is below `path` on to `port`, which is asked for at each request. */
export async function startPathProxy(path: string, port: () => number): Promise<PathProxy> {
  const isBelow = (url: string) => url === path || url.startsWith(`${path}/`) || url.startsWith(`${path}?`);
  const onward = ({ method, url = '/', headers }: IncomingMessage) => {
    const rest = proxy.strips ? url.slice(path.length) : url;
    return ask({ host: '127.0.0.1', port: port(), method, headers, path: rest.startsWith('/') ? rest : `/${rest}` });
  };
  const server = createServer((near, reply) => {
    if (!isBelow(near.url ?? '/')) {
      proxy.cookiesElsewhere.push(near.headers.cookie);
      return void reply.setHeader('content-type', 'text/html').end('<title>Another program</title>');
    }
    const far = onward(near);
    far.on('response', (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    far.on('error', () => reply.destroy());
    near.pipe(far);
  });
  server.on('upgrade', (near, socket) => {
    if (!isBelow(near.url ?? '/')) return void socket.destroy();
    const far = onward(near);
    far.on('upgrade', (answer, other, head) => {
      const lines = answer.rawHeaders.flatMap((name, i) =>
        i % 2 === 0 ? [`${name}: ${answer.rawHeaders[i + 1]}`] : [],
      );
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      if (head.length > 0) socket.write(head);
      socket.pipe(other).pipe(socket);
      socket.on('error', () => other.destroy());
      other.on('error', () => socket.destroy());
    });
    far.on('response', () => socket.destroy());
    far.on('error', () => socket.destroy());
    far.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: PathProxy = {
    port: (server.address() as AddressInfo).port,
    strips: false,
    cookiesElsewhere: [],
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}
