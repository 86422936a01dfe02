import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { TlsMaterial } from './tlsFiles.js';

/** Connections that wait to be accepted. */
const BACKLOG = 1_024;
/** How long a client may take to agree on the encryption, in ms. */
const HANDSHAKE_MS = 15_000;

/** One more address at which a server takes connections. Closing it ends the connections that came by it. */
export class LanListener {
  private constructor(
    private readonly server: Server | TlsServer,
    private readonly raw: Set<Socket>,
  ) {}

  /** Listens, with a certificate where there is one. Rejects with the error of the system. */
  static async open(
    target: { emit(event: 'connection', socket: Socket): boolean },
    { host, port, tls }: { host: string; port: number; tls: TlsMaterial | undefined },
  ): Promise<LanListener> {
    const accept = (socket: Socket): void => void target.emit('connection', socket);
    const server: Server | TlsServer =
      tls === undefined
        ? createServer(accept)
        : createTlsServer(
            {
              cert: tls.cert,
              key: tls.key,
              ALPNProtocols: ['http/1.1'],
              minVersion: 'TLSv1.2',
              handshakeTimeout: HANDSHAKE_MS,
            },
            accept,
          );
    const raw = new Set<Socket>();
    // Also those that have not shown a certificate's handshake yet.
    server.on('connection', (socket: Socket) => {
      raw.add(socket);
      socket.once('close', () => raw.delete(socket));
    });
    if (tls !== undefined) server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG }, resolve);
    });
    return new LanListener(server, raw);
  }

  /** Uses another certificate for the connections to come. */
  renew({ cert, key }: TlsMaterial): void {
    if ('setSecureContext' in this.server) this.server.setSecureContext({ cert, key });
  }

  close(): void {
    this.server.close();
    for (const socket of this.raw) socket.destroy();
  }
}
