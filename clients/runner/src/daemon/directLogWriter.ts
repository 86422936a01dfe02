import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { idsAfter, openWriter, putBlobVia } from '@pizzapi/backbone';
import { CodedError, type Command, type SessionEvent } from '@pizzapi/protocol';
import { retry, type Logger } from '@pizzapi/process';
import type { RunnerHome } from '../home.js';
import type { WorkerCommandOutcome } from '../ipc/messages.js';
import { BlobSpool } from '../worker/blobSpool.js';
import { callerFor, claim, isGone, type GrantAccess } from './grants.js';

/** How long the log of a session may take to answer its writer, in ms. */
const OPEN_MS = 20_000;

/** What the daemon needs to write to the log of a session that has no worker. */
export interface LogAccess extends GrantAccess {
  home: RunnerHome;
  log: Logger;
}

/** Where the spools of all sessions are. */
export const spoolDir = (home: RunnerHome) => join(home.root, 'spool');

/** Whether the spool of a session may hold events. */
export function hasSpool(home: RunnerHome, sid: string): boolean {
  return existsSync(join(spoolDir(home), `${sid}.spool`));
}

/** Removes the files of a session that is over, except pi's own file. */
export async function removeFiles(home: RunnerHome, sid: string): Promise<void> {
  await rm(join(spoolDir(home), `${sid}.spool`), { force: true });
  await rm(join(spoolDir(home), `${sid}.blobs`), { recursive: true, force: true });
  await rm(home.attachments(sid), { recursive: true, force: true });
}

/** The result of a command, as the daemon writes it without a worker. */
export function resultEvent(command: Command, outcome: WorkerCommandOutcome): SessionEvent {
  return { type: 'command_result', at: Date.now(), commandId: command.commandId, name: command.name, ...outcome };
}

export type WriteOutcome =
  { kind: 'written'; epoch: number; userId: string } | { kind: 'fenced' } | { kind: 'stopped' };

/**
 * Writes to the log of a session that no worker hosts: first the spooled events, after a `session_resumed`, then
 * `events`. Waits for the backbone until `signal` aborts. `fenced`: another host has the session.
 */
export async function appendWithoutWorker(
  access: LogAccess,
  sid: string,
  events: (epoch: number, resumed: boolean) => SessionEvent[],
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const attempt = async (): Promise<WriteOutcome> => {
    const grant = await claim(access, sid, signal);
    if (grant.kind === 'refused') {
      if (isGone(grant.code)) return { kind: 'fenced' };
      throw new CodedError(grant.code, grant.message);
    }
    const { epoch, userId } = grant;
    if (!(await writeOnce(access, sid, epoch, events, signal))) throw new Error('Not everything is stored');
    return { kind: 'written', epoch, userId };
  };
  const onRetry = (error: unknown) => {
    access.suspendedConnection.invalidate(sid);
    access.log.warn({ sid, err: error }, 'session log could not be written; retrying');
  };
  return (await retry(attempt, { signal, backoff: { maxMs: 5_000 }, onRetry })) ?? { kind: 'stopped' };
}

/** True when all of it is in the log. */
async function writeOnce(
  access: LogAccess,
  sid: string,
  epoch: number,
  events: (epoch: number, resumed: boolean) => SessionEvent[],
  signal: AbortSignal,
): Promise<boolean> {
  const { backbone, suspendedConnection, home, log } = access;
  const caller = callerFor(access, sid);
  const opening = AbortSignal.any([signal, AbortSignal.timeout(OPEN_MS)]);
  const writer = await openWriter(await suspendedConnection.connectionFor(sid), {
    ...{ sid, epoch, spoolDir: spoolDir(home), log, signal: opening },
    storedIds: (after) => idsAfter(backbone, caller, after, { signal: opening }),
  });
  const resumed = writer.spool().events > 0;
  const store = (bytes: Uint8Array, type: string) => putBlobVia(backbone, caller, bytes, type, { signal });
  const blobs = new BlobSpool(join(spoolDir(home), `${sid}.blobs`), store, log);
  const stop = () => void writer.close();
  signal.addEventListener('abort', stop, { once: true });
  let fenced = false;
  writer.onFenced(() => (fenced = true));
  await blobs.start();
  for (const event of events(epoch, resumed)) await writer.append(event);
  await writer.settled();
  await blobs.settled(2_000);
  blobs.stop();
  const left = writer.spool().events;
  signal.removeEventListener('abort', stop);
  await writer.close();
  return !fenced && left === 0;
}
