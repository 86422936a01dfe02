import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { claimSession, openWriter, putBlob, type Backbone } from '@pizzapi/backbone';
import type { Command, SessionEvent } from '@pizzapi/protocol';
import { backoff, sleep, type Logger } from '@pizzapi/process';
import type { RunnerHome } from '../home.js';
import type { CommandOutcome } from '../link/messages.js';
import { BlobOutbox } from '../worker/blobOutbox.js';

/** What the daemon needs to write to the log of a session that has no worker. */
export interface LogAccess {
  backbone: Backbone;
  home: RunnerHome;
  runnerId: string;
  log: Logger;
}

/** Where the spools of all sessions are. */
export const spoolDir = (home: RunnerHome) => join(home.root, 'spool');

/** Whether events of a session may wait on the disk. */
export function hasSpool(home: RunnerHome, sid: string): boolean {
  return existsSync(join(spoolDir(home), `${sid}.spool`));
}

/** Removes what a session that is over has left on the disk, besides pi's own file. */
export async function removeFiles(home: RunnerHome, sid: string): Promise<void> {
  await rm(join(spoolDir(home), `${sid}.spool`), { force: true });
  await rm(join(spoolDir(home), `${sid}.blobs`), { recursive: true, force: true });
  await rm(home.attachments(sid), { recursive: true, force: true });
}

/** The result of a command, as the daemon writes it where no worker does. */
export function resultEvent(command: Command, outcome: CommandOutcome): SessionEvent {
  return { type: 'command_result', at: Date.now(), commandId: command.commandId, name: command.name, ...outcome };
}

export type WriteOutcome = { kind: 'written'; epoch: number } | { kind: 'fenced' } | { kind: 'stopped' };

/**
 * Writes to the log of a session that no worker hosts: first what is spooled, behind a `session_resumed`, then
 * `events`. Waits for the backbone for as long as it takes, or until `signal` aborts. `fenced`: it is another's now.
 */
export async function writeWithoutWorker(
  { backbone, home, runnerId, log }: LogAccess,
  { sid, userId }: { sid: string; userId: string },
  events: (epoch: number, resumed: boolean) => SessionEvent[],
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const pauses = backoff({ maxMs: 5_000 });
  while (!signal.aborted) {
    try {
      const claim = await claimSession(backbone, { sid, userId, runnerId });
      if (claim.kind === 'refused') return { kind: 'fenced' };
      const { epoch } = claim;
      const writer = await openWriter(backbone, { sid, epoch, spoolDir: spoolDir(home), log, signal });
      const resumed = writer.spool().events > 0;
      const blobs = new BlobOutbox(join(spoolDir(home), `${sid}.blobs`), (b, type) => putBlob(backbone, b, type), log);
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
      if (!fenced && left === 0) return { kind: 'written', epoch };
    } catch (error) {
      if (signal.aborted) break;
      log.warn({ sid, err: error }, 'the end of a session is not written yet');
    }
    await sleep(pauses.next(), signal);
  }
  return { kind: 'stopped' };
}
