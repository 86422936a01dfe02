import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lastEvent } from '@pizzapi/backbone';
import { readPrivateFile, writePrivateFile } from '@pizzapi/process';
import { isId, isMap, type SessionEvent } from '@pizzapi/protocol';
import { hasSpool, removeFiles, appendWithoutWorker, type LogAccess } from '../daemon/directLogWriter.js';
import { claim } from '../daemon/grants.js';
import type { RunnerHome } from '../home.js';

const recordFile = (home: RunnerHome, sid: string) => join(home.sessions, `${sid}.json`);

/** Records a session of this slot. `ended`: its end is in the spool or in the log. */
export function recordSession(home: RunnerHome, sid: string, ended: boolean): Promise<void> {
  return writePrivateFile(recordFile(home, sid), JSON.stringify({ sid, ended }));
}

/** Deletes the record of a session whose events are all in the log. */
export async function deleteSessionRecord(home: RunnerHome, sid: string): Promise<void> {
  await removeFiles(home, sid);
  await rm(recordFile(home, sid), { force: true });
}

/**
 * Ends the sessions of terminals that had this slot before and crashed. Their spooled events are appended to the log
 * first. Waits for the backbone until `signal` aborts.
 */
export async function endCrashedSessions(access: LogAccess, current: string, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(access.home.sessions)) {
    const kept = await readPrivateFile(join(access.home.sessions, name));
    const sid = isMap(kept) ? kept['sid'] : undefined;
    if (!isId(sid) || sid === current || signal.aborted) continue;
    try {
      if (await endOne(access, sid, isMap(kept) && kept['ended'] === true, signal))
        await deleteSessionRecord(access.home, sid);
    } catch (error) {
      // The record stays for the next terminal of this slot.
      if (!signal.aborted)
        access.log.warn({ sid, err: error }, 'session of an earlier terminal could not be ended yet; retrying');
    }
  }
}

/** True when nothing is left to do for the session. */
async function endOne(access: LogAccess, sid: string, saidGoodbye: boolean, signal: AbortSignal): Promise<boolean> {
  const waiting = hasSpool(access.home, sid);
  if (saidGoodbye && !waiting) return true;
  const isOver = saidGoodbye || (!waiting && (await hasEnded(access, sid, signal)));
  if (isOver && !waiting) return true;
  const ended: SessionEvent = {
    type: 'session_ended',
    at: Date.now(),
    reason: 'error',
    message: 'The terminal was closed unexpectedly',
  };
  const written = await appendWithoutWorker(access, sid, () => (isOver ? [] : [ended]), signal);
  return written.kind !== 'stopped';
}

/** Whether the log has the end of the session, or there is no log, or another host has the session. */
async function hasEnded(access: LogAccess, sid: string, signal: AbortSignal): Promise<boolean> {
  const grant = await claim(access, sid, signal);
  if (grant.kind === 'refused') return true;
  const last = await lastEvent(await access.suspendedConnection.connectionFor(sid), sid, signal);
  return last === undefined || last.type === 'session_ended';
}
