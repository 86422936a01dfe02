import { lastEvent, sessionMetaRows, sessionRows, type Backbone } from '@pizzapi/backbone';
import { Semaphore, sleep, type Logger } from '@pizzapi/process';
import { CodedError, type SessionRow } from '@pizzapi/protocol';

/** How often the sessions without a log are looked for. */
export const SWEEP_MS = 5 * 60_000;
/** Sessions that are examined concurrently. */
const AT_ONCE = 32;

export interface OrphanRowSweeperOptions {
  backbone: Backbone;
  log: Logger;
  sweepMs?: number;
  /** Called for each session whose rows were deleted. */
  onGone: (sid: string) => void;
}

/**
 * Deletes the rows of sessions that have no event left, because they were purged or have expired. A purge leaves no
 * event in the log, so that the projector has to look. Deleting a session through the API deletes its rows at once.
 */
export class OrphanRowSweeper {
  private readonly sids = new Set<string>();

  constructor(private readonly options: OrphanRowSweeperOptions) {}

  onRow(sid: string, row: SessionRow | undefined): void {
    if (row === undefined) this.sids.delete(sid);
    else this.sids.add(sid);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, sweepMs = SWEEP_MS } = this.options;
    while (!signal.aborted) {
      try {
        await this.sweep(signal);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        log.warn({ code: error.code, err: error }, 'sweep of orphaned rows failed; the next one continues');
      }
      await sleep(sweepMs, signal);
    }
  }

  private async sweep(signal: AbortSignal): Promise<void> {
    await new Semaphore(AT_ONCE).forEach([...this.sids], async (sid) => {
      if (!signal.aborted) await this.deleteOrphan(sid, signal);
    });
  }

  private async deleteOrphan(sid: string, signal: AbortSignal): Promise<void> {
    const { backbone, log, onGone } = this.options;
    const [rows, metas] = [sessionRows(backbone), sessionMetaRows(backbone)];
    const [row, meta] = await Promise.all([rows.get(sid), metas.get(sid)]);
    const last = await lastEvent(backbone, sid);
    // A backbone that is closing knows of no event either.
    if (last !== undefined || signal.aborted || backbone.status() !== 'connected') return;
    // As they were before the look: an event that came since has its row written anew.
    if (row !== undefined && (await rows.delete(sid, { revision: row.revision })).kind === 'conflict') return;
    if (meta !== undefined) await metas.delete(sid, { revision: meta.revision });
    this.sids.delete(sid);
    onGone(sid);
    log.info({ sid }, 'rows deleted: the session has no event left');
  }
}
