import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import { silentLogger } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkerIpcClient } from './client.js';
import { IPC_VERSION, speaksIpc, type IpcNotification } from './messages.js';
import { WorkerIpcServer, type IpcHandlers } from './server.js';

let folder: string;
let socket: string;
let server: WorkerIpcServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-link-'));
  socket = join(folder, 'w.sock');
});

afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true });
});

async function listen(
  answerers: Partial<IpcHandlers>,
  onDaemonGone = () => undefined as void,
): Promise<WorkerIpcServer> {
  server = await WorkerIpcServer.listen({
    socket,
    log: silentLogger,
    handlers: answerers as IpcHandlers,
    hello: () => ({ type: 'hello', version: IPC_VERSION, pid: process.pid }),
    onDaemonGone,
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
    const link = (await WorkerIpcClient.connect(socket))!;
    const hello = new Promise<IpcNotification>((resolve) => link.listen(resolve));
    const slow = link.request('outcome', { commandId: 'slow' });
    const quick = link.request('outcome', { commandId: 'quick' });
    expect(await quick).toEqual({ kind: 'answered', answer: 'answered' });
    expect(await slow).toEqual({ kind: 'answered', answer: 'working' });
    expect(await hello).toMatchObject({ type: 'hello', version: IPC_VERSION });
    const refused = await link.request('stop', { reason: { kind: 'sleep', keepLease: false } });
    expect(refused).toMatchObject({ kind: 'refused', error: { code: 'session_not_found' } });
    link.close();
  });

  it('a worker that outlived an update is adopted, and refuses the requests that it does not know', async () => {
    await listen({ outcome: async () => 'unseen' });
    const link = (await WorkerIpcClient.connect(socket))!;
    expect(await link.request('describe', {})).toMatchObject({ kind: 'refused' });
    expect(await link.request('outcome', { commandId: 'c' })).toEqual({ kind: 'answered', answer: 'unseen' });
    link.close();
    expect([1, 2, IPC_VERSION, IPC_VERSION + 1].map(speaksIpc)).toEqual([false, true, true, false]);
  });

  it('tells whoever waits when the other end is gone', async () => {
    const worker = await listen({ branch: () => new Promise(() => undefined) });
    const link = (await WorkerIpcClient.connect(socket))!;
    const asked = link.request('branch', {});
    await worker.close();
    expect(await asked).toEqual({ kind: 'gone', sent: true });
    await link.closed;
    expect(await link.request('branch', {})).toEqual({ kind: 'gone', sent: false });
    expect(await WorkerIpcClient.connect(socket)).toBeUndefined();
  });

  it('tells a worker that its daemon has gone', async () => {
    let told: () => void = () => undefined;
    const alone = new Promise<void>((resolve) => (told = resolve));
    await listen({}, () => told());
    (await WorkerIpcClient.connect(socket))!.close();
    await alone;
  });
});
