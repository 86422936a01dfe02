import { silentLogger } from '@pizzapi/process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { LoadBalancer } from './loadBalancer.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A server that sends its name, then everything that it receives, and ends when its client has ended. */
async function backend(name: string, port = 0): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const close = async () => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  cleanups.push(close);
  return { port: (server.address() as AddressInfo).port, close };
}

async function balancer(ports: readonly number[]): Promise<{ balancer: LoadBalancer; port: number }> {
  const backends = ports.map((port) => ({ host: '127.0.0.1', port }));
  const made = new LoadBalancer({ port: 0, backends, log: silentLogger });
  const port = await made.listen();
  cleanups.push(() => made.stop());
  return { balancer: made, port };
}

/** Sends a text and ends. Returns all that it receives. */
async function say(port: number, what: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(what);
  return text(socket);
}

describe('the load balancer', () => {
  it('passes connections to the backends in turn, with all bytes both ways, also after a side has ended', async () => {
    const [one, two] = [await backend('one'), await backend('two')];
    const { port } = await balancer([one.port, two.port]);
    const large = 'x'.repeat(1_000_000);
    expect(await say(port, 'a')).toBe('one:a');
    expect(await say(port, large)).toBe(`two:${large}`);
    expect(await say(port, 'c')).toBe('one:c');
  });

  it('tries the next backend when one refuses, and uses that one again once it accepts', async () => {
    const [one, two] = [await backend('one'), await backend('two')];
    const { port } = await balancer([one.port, two.port]);
    await one.close();
    for (let i = 0; i < 3; i++) expect(await say(port, 'a')).toBe('two:a');
    await backend('one', one.port);
    await expect.poll(() => say(port, 'a')).toBe('one:a');
  });

  it('closes a connection that no backend accepts', async () => {
    const one = await backend('one');
    const { balancer: made, port } = await balancer([one.port]);
    await one.close();
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    await once(socket, 'close');
    await expect.poll(() => made.open).toBe(0);
  });

  it('closes the client when its backend dies, and the backend when its client dies', async () => {
    const one = await backend('one');
    const { balancer: made, port } = await balancer([one.port]);
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await one.close();
    await closed;
    await expect.poll(() => made.open).toBe(0);
  });

  it('accepts no new connection when it drains, and waits for the open ones', async () => {
    const one = await backend('one');
    const { balancer: made, port } = await balancer([one.port]);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'data');
    const drained = made.drain();
    const late = connect({ port, host: '127.0.0.1' });
    await expect(once(late, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const rest = text(socket);
    socket.end('still here');
    expect(await rest).toBe('still here');
    await drained;
    expect(made.open).toBe(0);
  });

  it('names a port that another program uses', async () => {
    const one = await backend('one');
    const made = new LoadBalancer({ port: one.port, backends: [], log: silentLogger });
    await expect(made.listen()).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
