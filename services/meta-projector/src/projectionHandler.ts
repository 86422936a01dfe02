import { type StoredRecord } from '@pizzapi/backbone';
import { parseSubject } from '@pizzapi/protocol';
import type { Logger } from '@pizzapi/process';
import type { Folded, LogEvent } from './evolve.js';
import type { ProjectorMetrics } from './metrics.js';

/** Folds the records of one stream into rows. */
export interface ProjectionHandler {
  readonly stream: string;
  /** Takes a batch in, in memory. */
  apply(records: readonly StoredRecord[]): Promise<void>;
  /** Writes what changed; throws `unavailable` and may be called again. */
  flush(): Promise<void>;
}

export interface ProjectionContext {
  log: Logger;
  metrics: ProjectorMetrics;
}

/** The records of a batch by whose they are; what lies on no subject of ours is passed. */
export function byOwner(records: readonly StoredRecord[]): [id: string, record: StoredRecord][] {
  const owned: [string, StoredRecord][] = [];
  for (const record of records) {
    const parsed = parseSubject(record.subject);
    if (parsed?.kind === 'session_events') owned.push([parsed.sid, record]);
    else if (parsed?.kind === 'runner_events') owned.push([parsed.rid, record]);
  }
  return owned;
}

/** Counts an outcome, and says what was passed. Returns the next state where there is one. */
export function recordOutcome<S>(
  outcome: Folded<S>,
  { stream, id, record }: { stream: string; id: string; record: LogEvent },
  { log, metrics }: ProjectionContext,
): S | undefined {
  switch (outcome.kind) {
    case 'folded':
      metrics.events.inc({ stream });
      return outcome.next;
    case 'poison': {
      metrics.poison.inc({ stream });
      const { seq, type } = record;
      log.warn(
        { code: 'poison_event', stream, id, seq, type, problem: outcome.problem },
        'event skipped: poison event',
      );
      return outcome.next;
    }
    case 'stale':
      metrics.stale.inc();
      log.debug({ stream, id, seq: record.seq, epoch: record.epoch }, 'event skipped: stale epoch');
      return undefined;
    case 'seen':
      return undefined;
  }
}
