import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  claimSession,
  lastEvent,
  openWriter,
  ownerOf,
  readLease,
  takeNextEpoch,
  type Backbone,
} from '@pizzapi/backbone';
import type { SessionRow } from '@pizzapi/protocol';

/** What became of a session whose grace is over. */
export type EndOutcome =
  | { kind: 'ended'; seq: number }
  /** It is over, deleted, or its host is there again: nothing to do. */
  | { kind: 'not_lost' }
  /** A host was granted the session and has not written yet: it may be coming back. */
  | { kind: 'returning'; epoch: number }
  /** The backbone did not take the event; to be tried again. */
  | { kind: 'unavailable' };

export interface LostSession {
  sid: string;
  row: SessionRow;
  /** The grant that was seen when its last grace was over, if any: it was given its time. */
  knownEpoch?: number | undefined;
  signal?: AbortSignal;
}

/**
 * Ends a session whose host is lost: takes the next epoch, so that the host is fenced should it be alive somewhere,
 * and appends `session_ended { reason: "host_lost" }`. The grant is read before the lease: a host that comes back in
 * between makes the take fail. A host that was only cut off claims anew and appends `session_resumed`: nothing is lost.
 */
export async function endLostSession(b: Backbone, { sid, row, knownEpoch, signal }: LostSession): Promise<EndOutcome> {
  const owner = await ownerOf(b, sid);
  if (owner !== undefined && owner.epoch > row.epoch && owner.epoch !== knownEpoch) {
    return { kind: 'returning', epoch: owner.epoch };
  }
  const last = await lastEvent(b, sid);
  if (last === undefined || last.type === 'session_ended') return { kind: 'not_lost' };
  if ((await readLease(b, `session.${sid}`)) !== undefined) return { kind: 'not_lost' };
  const { userId, runnerId } = row.info;
  const grant =
    owner === undefined ? await claimSession(b, { sid, userId, runnerId }) : await takeNextEpoch(b, sid, owner.epoch);
  return grant.kind === 'granted' ? append(b, sid, grant.epoch, signal) : { kind: 'not_lost' };
}

async function append(b: Backbone, sid: string, epoch: number, signal: AbortSignal | undefined): Promise<EndOutcome> {
  const spoolDir = await mkdtemp(join(tmpdir(), 'pizzapi-reaper-'));
  try {
    const writer = await openWriter(b, { sid, epoch, spoolDir, ...(signal === undefined ? {} : { signal }) });
    const outcome = await writer.append({ type: 'session_ended', at: Date.now(), reason: 'host_lost' });
    await writer.discard();
    if (outcome.kind === 'appended' || outcome.kind === 'duplicate') return { kind: 'ended', seq: outcome.seq };
    return { kind: outcome.kind === 'fenced' ? 'not_lost' : 'unavailable' };
  } finally {
    await rm(spoolDir, { recursive: true, force: true });
  }
}
