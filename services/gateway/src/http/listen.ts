import { createServer, type AddressInfo, type Server } from 'node:net';
import { hostUrl, isAtPageName, LOOPBACK } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';

/** Tries at finding a port that is free at both addresses, where any will do. */
const ATTEMPTS = 20;
/** Connections that wait to be accepted: all viewers of a gateway that was restarted connect at once. */
const BACKLOG = 4_096;
/** This machine has no such address: then no browser finds anything there either. */
const NO_ADDRESS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

export interface Listening {
  port: number;
  /** Accepts no more connections. Can be called again. */
  close(): void;
}

/**
 * Listens at `host`. A browser looks for the page's name at both addresses of this machine: so that no other program
 * answers for it at the one that was left free, both are taken. Throws `port_in_use`.
 */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<Listening> {
  const other = companionOf(host);
  const chosen = port === 0 && other !== undefined ? await freePort([host, other]) : port;
  await taking(host, chosen, () => app.listen({ host, port: chosen, backlog: BACKLOG }));
  const bound = (app.server.address() as AddressInfo).port;
  const second = other === undefined ? undefined : createServer((socket) => app.server.emit('connection', socket));
  try {
    if (second !== undefined && other !== undefined) await bind(second, other, bound);
  } catch (thrown) {
    await app.close();
    throw thrown;
  }
  return {
    port: bound,
    close: () => {
      second?.close();
      // Also closes the connections on which no request is under way.
      app.server.close();
    },
  };
}

/** The address at which a browser may look for the page as well, unless `host` covers it. */
function companionOf(host: string): string | undefined {
  const [v4, v6] = LOOPBACK;
  if (!isAtPageName(host) || host === '::' || host === '') return undefined;
  return host === v6 ? v4 : v6;
}

/** False where this machine has no such address. */
async function bind(server: Server, host: string, port: number): Promise<boolean> {
  try {
    await taking(host, port, () => {
      return new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, ipv6Only: true, backlog: BACKLOG }, resolve);
      });
    });
    return true;
  } catch (error) {
    if (NO_ADDRESS.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function taking(host: string, port: number, take: () => Promise<unknown>): Promise<void> {
  try {
    await take();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new CodedError('port_in_use', `${hostUrl(host, port).slice('http://'.length)} is taken`, { cause });
  }
}

/** A port that is free at all of these addresses. */
async function freePort(hosts: readonly string[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    let port = 0;
    try {
      for (const host of hosts) {
        const server = createServer();
        if (!(await bind(server, host, port))) continue;
        port = (server.address() as AddressInfo).port;
        await new Promise((resolve) => server.close(resolve));
      }
      return port;
    } catch (error) {
      if (!(error instanceof CodedError) || attempt === ATTEMPTS) throw error;
    }
  }
}
