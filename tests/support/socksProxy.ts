import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A SOCKS5 proxy: what a browser with this proxy connects to, at whatever address, is one of the targets. */
export interface SocksProxy {
  /** As Playwright takes it. Chromium uses a proxy for loopback addresses only when it is told so. */
  settings: { server: string; bypass: string };
  /** The ports that connections were made to, in order. */
  connected: number[];
  close(): Promise<void>;
}

const GREETING = Buffer.from([5, 0]);
const CONNECTED = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const REFUSED = Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);

/**
 * Starts a proxy that connects to the first of these ports of 127.0.0.1 that accepts. A browser reaches one gateway of a
 * cluster by it, at the address of the page, and another one when that gateway is away.
 */
export async function startSocksProxy(ports: readonly number[]): Promise<SocksProxy> {
  const open = new Set<Socket>();
  const connected: number[] = [];
  const server = createServer((near) => {
    open.add(near);
    near.on('error', () => near.destroy());
    near.once('close', () => open.delete(near));
    void serve(near).catch(() => near.destroy());
  });

  async function serve(near: Socket): Promise<void> {
    await once(near, 'data');
    near.write(GREETING);
    // The request fits one packet of loopback, and so does its answer.
    await once(near, 'data');
    near.pause();
    for (const port of ports) {
      const far = await connectTo(port);
      if (far === undefined) continue;
      connected.push(port);
      near.write(CONNECTED);
      far.on('error', () => far.destroy());
      far.once('close', () => near.destroySoon());
      near.once('close', () => far.destroy());
      near.pipe(far);
      far.pipe(near);
      return;
    }
    near.end(REFUSED);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    settings: { server: `socks5://127.0.0.1:${(server.address() as AddressInfo).port}`, bypass: '<-loopback>' },
    connected,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function connectTo(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
