import {
  bucket,
  parseSessionRowKey,
  readSessionRow,
  refreshIdentity,
  sessionRows,
  type Backbone,
} from '@pizzapi/backbone';
import { retryWhileUnavailable, SerialQueue, type Logger } from '@pizzapi/process';
import { newId, type SessionRow } from '@pizzapi/protocol';
import { CURSOR_KEY, readCursor, ROWS_FORM, saveCursor, type Cursor } from './cursor.js';
import { LiveProjector } from './liveProjector.js';
import { GuestReaper, type GuestReaperOptions } from './guests/guestReaper.js';
import type { ProjectorMetrics } from './metrics.js';
import { Orchestrator, type OrchestratorOptions } from './orchestrator/orchestrator.js';
import { Notifier, type NotifierOptions } from './notifier/notifier.js';
import { isFirst, isInScope, scopedKey, type PartitionScope } from './partitionScope.js';
import { Reaper, type ReaperOptions } from './reaper.js';
import { Rebuild, type RebuildProgress } from './rebuild.js';
import { openRequest, tellProgress, watchRequest, type RebuildRequest } from './rebuildRequest.js';
import { OrphanRowSweeper, type OrphanRowSweeperOptions } from './orphanRowSweeper.js';

export interface ActiveProjectorOptions {
  backbone: Backbone;
  log: Logger;
  metrics: ProjectorMetrics;
  /** What it folds. The first scope also does what belongs to no session. */
  scope: PartitionScope;
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
    const { scope } = this.options;
    const notifier = new Notifier({ ...this.options, ...this.options.notifier, stream: scope.stream });
    const all = [this.fold(signal), notifier.run(signal)];
    if (isFirst(scope)) {
      const orchestrator = new Orchestrator({ ...this.options, ...this.options.orchestrator });
      all.push(this.runMaintenance(signal), orchestrator.run(signal));
    }
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
    const { backbone, log, scope } = this.options;
    const identity = (await refreshIdentity(backbone)) ?? '';
    const saved = await readCursor(bucket<Cursor>(backbone, 'projector'), scopedKey(scope, CURSOR_KEY));
    // With several partitions, the rows that are there may be of another number of partitions.
    if (saved === undefined && scope.partitions > 1) return { kind: 'replaced' };
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
    const { backbone, scope } = this.options;
    for await (const { key } of sessionRows(backbone).listKeys('*')) if (isInScope(scope, key)) return true;
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
    const { backbone, log, scope } = this.options;
    const id = request?.id ?? newId('rebuild');
    log.info({ id }, 'rebuild: projecting from offset 0');
    await retryWhileUnavailable({ signal, log }, async () => {
      const started = performance.now();
      // One at a time: the last report is the one that stays.
      const reports = new SerialQueue();
      const report = async (news: Omit<RebuildRequest, 'id'>) => {
        if (request !== undefined) await reports.run(() => tellProgress(backbone, { id, ...news }, scope));
      };
      const onProgress = (progress: RebuildProgress) => {
        log.info({ id, ...progress }, 'rebuild: projecting');
        report({ state: 'folding', progress }).catch(() => undefined);
      };
      const rebuild = new Rebuild({ backbone, log, signal, scope, onProgress });
      if (folding !== undefined) await rebuild.catchUp();
      await folding?.drain();
      await rebuild.catchUp();
      const identity = (await refreshIdentity(backbone)) ?? '';
      if (signal.aborted) return;
      const result = await rebuild.swap();
      if (signal.aborted) return;
      const cursor = { identity, rows: ROWS_FORM, ...rebuild.positions };
      await saveCursor(bucket<Cursor>(backbone, 'projector'), cursor, scopedKey(scope, CURSOR_KEY));
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
    const { backbone, log, scope } = this.options;
    const next = () => retryWhileUnavailable({ signal, log }, () => openRequest(backbone, scope));
    const open = await next();
    if (open !== undefined) return open;
    for await (const request of watchRequest(backbone, signal)) {
      if (request.state === 'done') continue;
      // With several partitions, this one may have done its part.
      const still = scope.partitions === 1 ? request : await next();
      if (still !== undefined) return still;
    }
    return undefined;
  }

  /** Reaps and sweeps, once it is known which sessions are open. Sessions that have ended are not kept. */
  private async runMaintenance(signal: AbortSignal): Promise<void> {
    if (this.options.scope.partitions > 1) return this.maintainFromRows(signal);
    await retryWhileUnavailable({ signal, log: this.options.log }, () => this.scan(signal));
    this.known.clear();
    this.scanned = true;
    await this.runSweepers(signal);
  }

  private async runSweepers(signal: AbortSignal): Promise<void> {
    await Promise.all([this.reaper.run(signal), this.sweeper.run(signal), this.guests.run(signal)]);
  }

  /** The same where other projectors write most of the rows: they are watched. */
  private async maintainFromRows(signal: AbortSignal): Promise<void> {
    const { backbone, log } = this.options;
    const failed = new AbortController();
    let sweeping: Promise<void> = Promise.resolve();
    for await (const change of sessionRows(backbone).watch({ signal: AbortSignal.any([signal, failed.signal]) })) {
      if (change.kind === 'ready') {
        sweeping = this.runSweepers(signal);
        // Its failure is thrown below.
        sweeping.catch(() => failed.abort());
        continue;
      }
      const sid = parseSessionRowKey(change.key)?.sid;
      if (sid === undefined) continue;
      if (change.kind === 'value') this.report(sid, change.value);
      // A row below another owner may have replaced it.
      else this.report(sid, await retryWhileUnavailable({ signal, log }, () => readSessionRow(backbone, sid)));
    }
    await sweeping;
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
    // With several partitions the rows of all of them are watched.
    if (this.options.scope.partitions > 1) return;
    if (!this.scanned) this.known.add(sid);
    this.report(sid, row);
  }

  private report(sid: string, row: SessionRow | undefined): void {
    this.reaper.onRow(sid, row);
    this.guests.onRow(sid, row);
  }
}
