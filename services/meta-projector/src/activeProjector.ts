import { bucket, parseSessionRowKey, refreshIdentity, sessionRows, type Backbone } from '@pizzapi/backbone';
import { retryWhileUnavailable, SerialQueue, type Logger } from '@pizzapi/process';
import { newId, type SessionRow } from '@pizzapi/protocol';
import { readCursor, ROWS_FORM, saveCursor, type Cursor } from './cursor.js';
import { LiveProjector } from './liveProjector.js';
import { GuestReaper, type GuestReaperOptions } from './guests/guestReaper.js';
import type { ProjectorMetrics } from './metrics.js';
import { Orchestrator, type OrchestratorOptions } from './orchestrator/orchestrator.js';
import { Notifier, type NotifierOptions } from './notifier/notifier.js';
import { Reaper, type ReaperOptions } from './reaper.js';
import { Rebuild, type RebuildProgress } from './rebuild.js';
import { openRequest, tellProgress, watchRequest, type RebuildRequest } from './rebuildRequest.js';
import { OrphanRowSweeper, type OrphanRowSweeperOptions } from './orphanRowSweeper.js';

export interface ActiveProjectorOptions {
  backbone: Backbone;
  log: Logger;
  metrics: ProjectorMetrics;
  reaper?: Pick<ReaperOptions, 'graceMs' | 'now' | 'tickMs'>;
  sweeper?: Pick<OrphanRowSweeperOptions, 'sweepMs'>;
  guests?: Pick<GuestReaperOptions, 'now' | 'tickMs'>;
  notifier: Omit<NotifierOptions, 'backbone' | 'log'>;
  orchestrator?: Pick<OrchestratorOptions, 'now' | 'tickMs' | 'onReading'>;
}

/** `ending` asks for an orderly end; with `lost`, another projector has the lease and nothing more may be written. */
export interface LeadershipSignals {
  ending: AbortSignal;
  lost: AbortSignal;
}

/** What a projector does while it is the active one: fold, rebuild where asked or needed, reap, sweep, orchestrate, notify. */
export class ActiveProjector {
  private readonly reaper: Reaper;
  private readonly sweeper: OrphanRowSweeper;
  private readonly guests: GuestReaper;
  private readonly known = new Set<string>();

  constructor(
    private readonly options: ActiveProjectorOptions,
    private readonly signals: LeadershipSignals,
  ) {
    this.reaper = new Reaper({ ...options, ...options.reaper });
    this.guests = new GuestReaper({ ...options, ...options.guests });
    const onGone = (sid: string) => this.report(sid, undefined);
    this.sweeper = new OrphanRowSweeper({ ...options, ...options.sweeper, onGone });
  }

  /** Until `ending`. Throws what is a bug. */
  async run(): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([this.signals.ending, stop.signal]);
    const orchestrator = new Orchestrator({ ...this.options, ...this.options.orchestrator });
    const notifier = new Notifier({ ...this.options, ...this.options.notifier });
    const all = [this.fold(signal), this.runMaintenance(signal), orchestrator.run(signal), notifier.run(signal)];
    const parts = all.map((part) => part.finally(() => stop.abort()));
    const failed = (await Promise.allSettled(parts)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Folds from the cursor on, and after every rebuild from where that ended. */
  private async fold(signal: AbortSignal): Promise<void> {
    const { log } = this.options;
    let reset = false;
    while (!signal.aborted) {
      const cursor = await retryWhileUnavailable({ signal, log }, () => this.begin());
      if (cursor === undefined) return;
      reset =
        cursor.kind === 'replaced' || reset ? await this.rebuild(signal) : await this.foldFrom(cursor.from, signal);
    }
  }

  /**
   * Everything has to be folded anew where the offsets are of another log, and where rows have an older form: then an
   * older version of the projector wrote last.
   */
  private async begin(): Promise<{ kind: 'continue'; from: Cursor } | { kind: 'replaced' }> {
    const { backbone, log } = this.options;
    const identity = (await refreshIdentity(backbone)) ?? '';
    const saved = await readCursor(bucket<Cursor>(backbone, 'projector'));
    if (saved === undefined) return { kind: 'continue', from: { identity, sessions: 0, runners: 0, rows: ROWS_FORM } };
    if (saved.rows !== ROWS_FORM || (await this.hasOldRows())) {
      log.warn({ was: saved.rows ?? 1, is: ROWS_FORM }, 'rows have an older form; rebuilding projections');
      return { kind: 'replaced' };
    }
    if (saved.identity === identity) return { kind: 'continue', from: saved };
    log.warn({ was: saved.identity, is: identity }, 'stream was replaced; rebuilding projections');
    return { kind: 'replaced' };
  }

  /** The first form of the rows had the session's id alone for a key. */
  private async hasOldRows(): Promise<boolean> {
    for await (const _ of sessionRows(this.options.backbone).listKeys('*')) return true;
    return false;
  }

  /** Folds until the end, a rebuild, or a stream that was replaced; true for the last. */
  private async foldFrom(cursor: Cursor, signal: AbortSignal): Promise<boolean> {
    const { lost } = this.signals;
    const round = new AbortController();
    const folding = new LiveProjector({ ...this.options, lost, onRow: (sid, row) => this.onRow(sid, row) }, cursor);
    const running = folding.run().finally(() => round.abort());
    // Its failure is thrown below, once what it folded is written.
    running.catch(() => undefined);
    const request = await this.nextRequest(AbortSignal.any([signal, round.signal]));
    // Folding continues during the rebuild, which drains it before it swaps.
    if (request !== undefined) await this.rebuild(signal, request, folding);
    await folding.drain();
    return (await running) === 'reset';
  }

  /** Refolds everything and swaps it in. `folding` is what folds meanwhile. */
  private async rebuild(signal: AbortSignal, request?: RebuildRequest, folding?: LiveProjector): Promise<false> {
    const { backbone, log } = this.options;
    const id = request?.id ?? newId('rebuild');
    log.info({ id }, 'rebuild: projecting from offset 0');
    await retryWhileUnavailable({ signal, log }, async () => {
      const started = performance.now();
      // One at a time: the last report is the one that stays.
      const reports = new SerialQueue();
      const report = async (news: Omit<RebuildRequest, 'id'>) => {
        if (request !== undefined) await reports.run(() => tellProgress(backbone, { id, ...news }));
      };
      const onProgress = (progress: RebuildProgress) => {
        log.info({ id, ...progress }, 'rebuild: projecting');
        report({ state: 'folding', progress }).catch(() => undefined);
      };
      const rebuild = new Rebuild({ backbone, log, signal, onProgress });
      if (folding !== undefined) await rebuild.catchUp();
      await folding?.drain();
      await rebuild.catchUp();
      const identity = (await refreshIdentity(backbone)) ?? '';
      if (signal.aborted) return;
      const result = await rebuild.swap();
      if (signal.aborted) return;
      await saveCursor(bucket<Cursor>(backbone, 'projector'), { identity, rows: ROWS_FORM, ...rebuild.positions });
      await report({ state: 'done', result });
      log.info(
        { id, ...result, ...rebuild.positions, ms: Math.round(performance.now() - started) },
        'rebuild: projections replaced',
      );
    });
    return false;
  }

  /** The next rebuild that is asked for; undefined when the signal aborts. */
  private async nextRequest(signal: AbortSignal): Promise<RebuildRequest | undefined> {
    const { backbone, log } = this.options;
    const open = await retryWhileUnavailable({ signal, log }, () => openRequest(backbone));
    if (open !== undefined) return open;
    for await (const request of watchRequest(backbone, signal)) {
      if (request.state !== 'done') return request;
    }
    return undefined;
  }

  /** Reaps and sweeps, once it is known which sessions are open. Sessions that have ended are not kept. */
  private async runMaintenance(signal: AbortSignal): Promise<void> {
    await retryWhileUnavailable({ signal, log: this.options.log }, () => this.scan(signal));
    this.known.clear();
    this.scanned = true;
    await Promise.all([this.reaper.run(signal), this.sweeper.run(signal), this.guests.run(signal)]);
  }

  private async scan(signal: AbortSignal): Promise<void> {
    for await (const { key, value } of sessionRows(this.options.backbone).list('', signal)) {
      const sid = parseSessionRowKey(key)?.sid;
      // What was folded meanwhile is newer than what is listed.
      if (sid !== undefined && !this.known.has(sid)) this.report(sid, value);
    }
  }

  private scanned = false;

  private onRow(sid: string, row: SessionRow | undefined): void {
    if (!this.scanned) this.known.add(sid);
    this.report(sid, row);
  }

  private report(sid: string, row: SessionRow | undefined): void {
    this.reaper.onRow(sid, row);
    this.guests.onRow(sid, row);
  }
}
