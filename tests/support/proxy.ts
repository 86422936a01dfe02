import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A connection between two processes that a test can cut and restore. */
export interface ProxiedConnection {
  port: number;
  /** Closes open connections and refuses new ones. */
  cut(): void;
  mend(): void;
  /** From now on open connections carry nothing, and stay open. New ones work. */
  silence(): void;
  close(): Promise<void>;
}

/** Starts a TCP proxy on 127.0.0.1 to `port`, which is asked for at each connection. */
export async function startProxy(port: () => number): Promise<ProxiedConnection> {
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return void near.destroy();
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
      whole = false;
      sockets.forEach((socket) => socket.destroy());
    },
    mend: () => {
      whole = true;
    },
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
