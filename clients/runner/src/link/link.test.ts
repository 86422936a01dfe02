import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkClient } from './client.js';
import { LINK_VERSION, type Notice } from './messages.js';
import { LinkServer, type Answerers } from './server.js';

let folder: string;
let socket: string;
let server: LinkServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-link-'));
  socket = join(folder, 'w.sock');
});

afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function listen(answerers: Partial<Answerers>, onAlone = () => undefined as void): Promise<LinkServer> {
  server = await LinkServer.listen({
    socket,
    log: silentLogger,
    answerers: answerers as Answerers,
    hello: () => ({ type: 'hello', version: LINK_VERSION, pid: process.pid }),
    onAlone,
  });
  return server;
}

describe('the link between daemon and worker', () => {
  it('greets, answers each question by its own reference, and refuses with a code', async () => {
    await listen({
      outcome: async ({ commandId }) =>
        commandId === 'slow' ? new Promise((r) => setImmediate(() => r('working'))) : 'answered',
      stop: () => Promise.reject(new CodedError('session_not_found')),
    });
    const link = (await LinkClient.connect(socket))!;
    const hello = new Promise<Notice>((resolve) => link.listen(resolve));
    const slow = link.ask('outcome', { commandId: 'slow' });
    const quick = link.ask('outcome', { commandId: 'quick' });
    expect(await quick).toEqual({ kind: 'answered', answer: 'answered' });
    expect(await slow).toEqual({ kind: 'answered', answer: 'working' });
    expect(await hello).toMatchObject({ type: 'hello', version: LINK_VERSION });
    const refused = await link.ask('stop', { reason: { kind: 'sleep', keepLease: false } });
    expect(refused).toMatchObject({ kind: 'refused', error: { code: 'session_not_found' } });
    link.close();
  });

  it('tells whoever waits when the other end is gone', async () => {
    const worker = await listen({ branch: () => new Promise(() => undefined) });
    const link = (await LinkClient.connect(socket))!;
    const asked = link.ask('branch', {});
    await worker.close();
    expect(await asked).toEqual({ kind: 'gone', sent: true });
    await link.closed;
    expect(await link.ask('branch', {})).toEqual({ kind: 'gone', sent: false });
    expect(await LinkClient.connect(socket)).toBeUndefined();
  });

  it('tells a worker that its daemon has gone', async () => {
    let told: () => void = () => undefined;
    const alone = new Promise<void>((resolve) => (told = resolve));
    await listen({}, () => told());
    (await LinkClient.connect(socket))!.close();
    await alone;
  });
});
