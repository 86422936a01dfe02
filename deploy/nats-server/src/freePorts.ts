import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports from which no system takes one for a connection that a program opens: a port that is free now stays free until the
 * server that it is for listens, unless another server takes it.
 */
const FIRST = 20_000;
const LAST = 32_000;
/** Attempts to find one port. */
const ATTEMPTS = 50;

/** Returns a random port for a server, which may be in use. */
export const randomPort = (): number => randomInt(FIRST, LAST);

/** Returns different ports that are free on 127.0.0.1. */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await findFreePort());
  return [...ports];
}

/** Returns a port that is free on 127.0.0.1. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = randomPort();
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
      await new Promise((resolve) => probe.close(resolve));
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
