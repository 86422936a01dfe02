import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { WebSocketServer, type WebSocket } from 'ws';
import { expect, it } from 'vitest';
import { Histogram } from './bench/harness/stats.js';
import { RawViewer } from './bench/programs/rawViewer.js';

it('a viewer of the benches answers pings, so that a gateway does not close it in a slow run', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const at = { host: '127.0.0.1', port, path: '/', token: 'x', resume: undefined };
  const connected = once(server, 'connection');
  const tally = { latency: new Histogram(), bytes: 0 };
  const viewer = new RawViewer({ ...at, format: { eventBytes: 1, timeOffset: 0 } }, tally, false);
  try {
    const [socket] = (await connected) as [WebSocket];
    socket.ping('alive?');
    const [payload] = (await once(socket, 'pong')) as [Buffer];
    expect(payload.toString()).toBe('alive?');
  } finally {
    viewer.end();
    server.close();
  }
});
