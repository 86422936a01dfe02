import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The route from one node of a cluster to another, which a test can cut and heal. */
export interface RouteProxy {
  readonly port: number;
  /** Closes the connections and refuses new ones. */
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

/** Starts a TCP proxy on 127.0.0.1 to `port`. */
export async function startRouteProxy(port: number): Promise<RouteProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const destroyAll = (): void => sockets.forEach((socket) => socket.destroy());
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(port, '127.0.0.1');
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
