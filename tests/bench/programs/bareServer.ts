import { encode } from '@pizzapi/protocol';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { nowMs, paced } from '../harness/clock.js';
import { eventMaker, timeOffset } from '../harness/events.js';
import { serveParent } from '../harness/program.js';

/**
 * The reference: a server on the bare `ws` package that broadcasts the same bytes. It creates every frame once, header
 * included, as one buffer, and writes it to each socket. It has no log, no rooms, no sessions and no input.
 */
const groups = new Map<string, Set<Socket>>();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer();
server.on('upgrade', (request, socket: Socket, head) => {
  sockets.handleUpgrade(request, socket, head, () => {
    const group = groups.get(request.url ?? '') ?? new Set();
    groups.set(request.url ?? '', group.add(socket));
    socket.once('close', () => group.delete(socket));
  });
});

/** The unsent bytes of one client at which a burst waits. */
const PAUSE_BYTES = 1024 * 1024;
let seq = 100_000;

interface Template {
  frame: Buffer;
  seqAt: number;
  timeAt: number;
}

function template(bytes: number): Template {
  const body = Buffer.from(encode({ type: 'event', seq, event: eventMaker(bytes)() }));
  const head = body.length < 126 ? [0x82, body.length] : [0x82, 126, body.length >> 8, body.length & 0xff];
  const frame = Buffer.concat([Buffer.from(head), body]);
  const event = frame.length - bytes;
  return { frame, seqAt: head.length + 17, timeAt: event + timeOffset(bytes) };
}

function broadcast({ frame, seqAt, timeAt }: Template, group: Iterable<Socket>): void {
  const ready = Buffer.from(frame);
  ready.writeUInt32BE(++seq, seqAt);
  ready.writeDoubleBE(nowMs(), timeAt);
  for (const socket of group) socket.write(ready);
}

const handlers = {
  listen: async () => {
    await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  paced: async ({ perSecond, seconds, bytes }: { perSecond: number; seconds: number; bytes: number }) => {
    const all = [...groups.values()].filter(({ size }) => size > 0);
    const frame = template(bytes);
    return paced(perSecond, seconds, (i) => broadcast(frame, all[i % all.length]!));
  },
  burst: async ({ each, bytes }: { each: number; bytes: number }) => {
    const all = [...groups.values()].filter(({ size }) => size > 0);
    const frame = template(bytes);
    for (let i = 0; i < each; i++) {
      for (const group of all) broadcast(frame, group);
      const full = all.flatMap((group) => [...group]).filter(({ writableLength }) => writableLength > PAUSE_BYTES);
      await Promise.all(full.map((socket) => new Promise((resolve) => socket.once('drain', resolve))));
      await new Promise(setImmediate);
    }
  },
};

export type BareServerApi = typeof handlers;
serveParent(handlers);
