import { hostUrl, sleep, type Logger, type Service } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Rotation, type BackendAddress } from './rotation.js';

const HOST = '127.0.0.1';
/** Connections that wait to be accepted: all viewers of a gateway that ended connect at once. */
const BACKLOG = 4_096;
/** Time limit for a connection to a backend, in ms. A backend on loopback refuses at once. */
const CONNECT_MS = 1_000;
/** How long `drain` waits for the open connections, in ms. */
const DRAIN_MS = 5_000;
const POLL_MS = 20;

export interface LoadBalancerOptions {
  /** 0 takes a free port. */
  port: number;
  backends: readonly BackendAddress[];
  log: Logger;
}

/**
 * Passes TCP connections to backends in turn, without affinity: two connections of one client go to two backends. A backend
 * that does not accept a connection is skipped, and the next one is tried. The load balancer reads nothing of what it
 * passes on, so that a backend sees the address of the load balancer as the address of the client.
 */
export class LoadBalancer implements Service {
  readonly name = 'load-balancer';
  private readonly server: Server;
  private readonly rotation: Rotation;
  private readonly clients = new Set<Socket>();
  private readonly stopped: Promise<void>;
  private end: () => void = () => undefined;

  constructor(private readonly options: LoadBalancerOptions) {
    this.rotation = new Rotation(options.backends);
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
      this.accept(client),
    );
    this.stopped = new Promise((resolve) => (this.end = resolve));
  }

  /** The number of open connections. */
  get open(): number {
    return this.clients.size;
  }

  /** Starts to accept connections. Returns the port. Throws `port_in_use`. */
  async listen(): Promise<number> {
    const { port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (cause: NodeJS.ErrnoException) => {
        const what = `${hostUrl(HOST, port).slice('http://'.length)} is in use by another program`;
        reject(cause.code === 'EADDRINUSE' ? new CodedError('port_in_use', what, { cause }) : cause);
      });
      this.server.listen({ port, host: HOST, backlog: BACKLOG }, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  run(): Promise<void> {
    return this.stopped;
  }

  /** Accepts no new connection and waits for the open ones, for a limited time. */
  async drain(): Promise<void> {
    this.server.close();
    const deadline = Date.now() + DRAIN_MS;
    while (this.open > 0 && Date.now() < deadline) await sleep(POLL_MS);
  }

  async stop(): Promise<void> {
    this.server.close();
    for (const client of this.clients) client.destroy();
    this.end();
  }

  private accept(client: Socket): void {
    this.clients.add(client);
    client.once('close', () => this.clients.delete(client));
    client.on('error', () => client.destroy());
    void this.pass(client);
  }

  private async pass(client: Socket): Promise<void> {
    for (const backend of this.rotation.order()) {
      const upstream = await connectTo(backend);
      if (upstream === undefined) {
        this.rotation.refused(backend);
        continue;
      }
      this.rotation.accepted(backend);
      return join(client, upstream);
    }
    this.options.log.warn(
      { backends: this.options.backends },
      'no backend accepts connections; closing the connection',
    );
    client.destroy();
  }
}

/** Returns an open connection, or undefined when the backend does not accept one in time. */
function connectTo(backend: BackendAddress): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const upstream = connect({ ...backend, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => fail(), CONNECT_MS);
    const fail = (): void => {
      clearTimeout(timer);
      upstream.destroy();
      resolve(undefined);
    };
    upstream.once('error', fail);
    upstream.once('connect', () => {
      clearTimeout(timer);
      upstream.off('error', fail);
      upstream.on('error', () => upstream.destroy());
      resolve(upstream);
    });
  });
}

/** Passes bytes both ways. When one side ends, the other side receives what was sent before and then ends too. */
function join(client: Socket, upstream: Socket): void {
  if (client.destroyed) return void upstream.destroy();
  client.pipe(upstream);
  upstream.pipe(client);
  client.once('close', () => upstream.destroySoon());
  upstream.once('close', () => client.destroySoon());
}
