import {
  forgetRecentSession,
  lastEvent,
  parseSessionRowKey,
  SESSION_ROW_MARKER_MS,
  sessionMetaRows,
  sessionRowKey,
  sessionRows,
  type Backbone,
} from '@pizzapi/backbone';
import { Semaphore, sleep, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { readOwnersIn } from './sessionOwners.js';

/** How often the sessions without a log are looked for. */
export const SWEEP_MS = 5 * 60_000;
/** Sessions that are examined concurrently. */
const AT_ONCE = 32;
/** Sessions between two pauses. */
const PART = 256;
/** A pause takes so many times as long as the work before it: a sweep of many sessions is slow and costs little. */
const PAUSE_FACTOR = 4;
/** The longest pause within a sweep, in ms: the list stays open meanwhile. */
const MAX_PAUSE_MS = 2_000;

export interface OrphanRowSweeperOptions {
  backbone: Backbone;
  log: Logger;
  sweepMs?: number;
  /** Called for each session whose rows were deleted. */
  onGone: (sid: string) => void;
}

/** The row of a session, as it was listed. */
interface ListedRow {
  key: string;
  revision: number;
  userId: string | undefined;
  sid: string;
}

/**
 * Deletes the rows of sessions that have no event left, because they were purged or have expired, and rows that lie below
 * an account that the session does not belong to. A purge leaves no event in the log, so that the projector has to look.
 * Deleting a session through the API deletes its rows at once.
 */
export class OrphanRowSweeper {
  constructor(private readonly options: OrphanRowSweeperOptions) {}

  async run(signal: AbortSignal): Promise<void> {
    const { log, sweepMs = SWEEP_MS } = this.options;
    while (!signal.aborted) {
      const started = performance.now();
      try {
        await this.sweep(signal);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        log.warn({ code: error.code, err: error }, 'sweep of orphaned rows failed; the next one continues');
      }
      await sleep(Math.max(sweepMs, PAUSE_FACTOR * (performance.now() - started)), signal);
    }
  }

  /** Lists the keys in parts, so that the sessions of the installation are never in memory together. */
  private async sweep(signal: AbortSignal): Promise<void> {
    let part: ListedRow[] = [];
    for await (const { key, revision } of sessionRows(this.options.backbone).listKeys('', signal)) {
      const parsed = parseSessionRowKey(key);
      if (parsed !== undefined) part.push({ key, revision, ...parsed });
      if (part.length < PART) continue;
      const started = performance.now();
      await this.sweepPart(part, signal);
      part = [];
      await sleep(Math.min(MAX_PAUSE_MS, PAUSE_FACTOR * (performance.now() - started)), signal);
    }
    await this.sweepPart(part, signal);
  }

  private async sweepPart(part: readonly ListedRow[], signal: AbortSignal): Promise<void> {
    const owners = await readOwnersIn(this.options.backbone)(part.map(({ sid }) => sid));
    await new Semaphore(AT_ONCE).forEach([...part], async (row) => {
      if (signal.aborted) return;
      const owner = owners.get(row.sid)?.userId;
      if (owner !== undefined && owner !== row.userId) await this.deleteMisplaced(row, owner);
      else await this.deleteOrphan(row, signal);
    });
  }

  /** A row of a session without an owner stays until there is one below the owner, which is folded with its next event. */
  private async deleteMisplaced({ key, revision, userId, sid }: ListedRow, owner: string): Promise<void> {
    const { backbone, log } = this.options;
    const rows = sessionRows(backbone);
    if (userId === undefined && (await rows.get(sessionRowKey(owner, sid))) === undefined) return;
    const gone = await rows.delete(key, { revision, markerMs: SESSION_ROW_MARKER_MS });
    if (gone.kind === 'conflict') return;
    if (userId !== undefined) await forgetRecentSession(backbone, userId, sid);
    log.info({ sid }, 'row deleted: the session belongs to another account');
  }

  private async deleteOrphan({ key, revision, userId, sid }: ListedRow, signal: AbortSignal): Promise<void> {
    const { backbone, log, onGone } = this.options;
    const metas = sessionMetaRows(backbone);
    if ((await lastEvent(backbone, sid)) !== undefined) return;
    const meta = await metas.get(sid);
    const last = await lastEvent(backbone, sid);
    // A backbone that is closing knows of no event either.
    if (last !== undefined || signal.aborted || backbone.status() !== 'connected') return;
    // As they were before the look: an event that came since has its row written anew.
    const gone = await sessionRows(backbone).delete(key, { revision, markerMs: SESSION_ROW_MARKER_MS });
    if (gone.kind === 'conflict') return;
    if (meta !== undefined) await metas.delete(sid, { revision: meta.revision, markerMs: SESSION_ROW_MARKER_MS });
    if (userId !== undefined) await forgetRecentSession(backbone, userId, sid);
    onGone(sid);
    log.info({ sid }, 'rows deleted: the session has no event left');
  }
}
