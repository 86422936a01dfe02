import type { TestHosts } from '@pizzapi/authenticator/testing';
import {
  BlobStore,
  notificationPrefsRows,
  openWriter,
  publishRunnerEvent,
  sendCommand,
  shareRows,
  type Backbone,
} from '@pizzapi/backbone';
import { newId, type Command, type SessionEvent } from '@pizzapi/protocol';
import { join } from 'node:path';

type TestRunner = Awaited<ReturnType<TestHosts['runner']>>;

export interface StoredSessionPlace {
  hosts: TestHosts;
  gateway: Backbone;
  /** For the spools of the hosts. */
  folder: string;
}

/** A session with a text in everything that a session can have. */
export async function storeSession(
  { hosts, gateway, folder }: StoredSessionPlace,
  text: string,
  userId: string,
  runner?: TestRunner,
) {
  const host = runner ?? (await hosts.runner(userId));
  const session = await hosts.session(host);
  const { sid, rid, epoch, worker } = session;
  const events: SessionEvent[] = [
    {
      ...{ type: 'session_started', at: 1, cwd: `/${text}`, name: text, model: 'demo/demo' },
      ...{ runnerId: rid, userId, epoch, piVersion: '1' },
    },
    { type: 'input_received', at: 2, commandId: newId('c'), by: { userId, via: 'owner' }, text, deliverAs: 'prompt' },
    { type: 'todo_updated', at: 3, todoList: [{ id: 1, text, status: 'pending' }] },
    { type: 'session_ended', at: 3, reason: 'killed' },
  ];
  const writer = await openWriter(worker, {
    ...{ sid, epoch, spoolDir: join(folder, sid) },
    storedIds: () => Promise.resolve([]),
  });
  for (const event of events) await writer.append(event);
  await writer.settled();
  await writer.close();
  await new BlobStore(gateway).put({ userId, sid }, Buffer.from(`a file: ${text}`), `text/${text}`, { keep: true });
  const shareId = newId('sh');
  await shareRows(gateway).put(`${sid}.${shareId}`, {
    ...{ shareId, sessionId: sid, userId, mode: 'read', createdAt: 1, expiresAt: Date.now() + 60_000 },
    ...{ grantee: 'someone', grantedAs: text },
  });
  await notificationPrefsRows(gateway).put(`user.${userId}`, {
    ...{ agentFinished: true, needsInput: true, error: true, webhook: null, muted: [sid, 'another'] },
  });
  const by = { userId, via: 'owner' };
  const at = Date.now();
  const command = { commandId: newId('c'), name: 'input', sessionId: sid, args: { text }, by, at, expiresAt: at + 1e6 };
  await sendCommand(gateway, rid, command as unknown as Command);
  await publishRunnerEvent(host.b, rid, {
    ...{ type: 'session_opened', at, sessionId: sid, cwd: `/${text}`, adopted: false },
  });
  return { ...session, host, userId };
}
