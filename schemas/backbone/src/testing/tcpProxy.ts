import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The connections of a port, which a test can cut and heal. */
export interface TcpProxy {
  readonly port: number;
  /** Closes open connections and refuses new ones. */
  cut(): void;
  heal(): void;
  /** From now on open connections carry nothing, and stay open. New ones work. */
  silence(): void;
  close(): Promise<void>;
}

/** Starts a TCP proxy on 127.0.0.1 to `port`, which is asked for at each connection. */
export async function startTcpProxy(port: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const destroyAll = (): void => sockets.forEach((socket) => socket.destroy());
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(port(), '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence: () => {
      for (const socket of sockets) socket.unpipe().resume();
    },
    cut: () => {
      isCut = true;
      destroyAll();
    },
    heal: () => void (isCut = false),
    close: () => {
      destroyAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
