import type { AuditRecord, StoreOutcome } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { ErrorCode } from '@pizzapi/protocol';

/** Rows a second that one gateway writes in the long run. */
export const REFUSALS_PER_SECOND = 10;
/** Rows it may write at once after a quiet time. */
export const REFUSALS_BURST = 30;
/** Characters of a path that are kept. */
const MAX_PATH = 200;

/** Somebody was refused something: a request or an upgrade, or a frame on a socket that was let in. */
export type Refusal = { code: ErrorCode; userId?: string } & (
  { ip: string; method: string; path: string } | { sessionId: string; frame: string }
);

export interface DenialAuditorDeps {
  store: (row: AuditRecord) => Promise<StoreOutcome>;
  metrics: { refusalsSuppressed(count: number): void };
  log: Logger;
  /** In ms; for tests. */
  now?: () => number;
}

/**
 * Writes a row `refused` of the audit trail for every refusal, without holding anyone up. Whoever is refused in a loop
 * cannot fill the trail: above the rate a refusal is only counted, and the next row tells how many (`suppressed`).
 */
export class DenialAuditor {
  private readonly now: () => number;
  private allowance = REFUSALS_BURST;
  private asOf: number;
  private suppressed = 0;

  constructor(private readonly deps: DenialAuditorDeps) {
    this.now = deps.now ?? Date.now;
    this.asOf = this.now();
  }

  record(refusal: Refusal): void {
    const at = this.now();
    if (!this.mayWrite(at)) return this.suppress(1);
    const { suppressed } = this;
    this.suppressed = 0;
    void this.write({ kind: 'refused', at, ...refusal, ...(suppressed === 0 ? {} : { suppressed }) }, suppressed);
  }

  private async write(row: AuditRecord, told: number): Promise<void> {
    const { store, log } = this.deps;
    try {
      if ((await store(row)).kind !== 'unavailable') return;
      log.warn({ kind: row.kind }, 'audit row was not stored');
    } catch (err) {
      log.error({ err, kind: row.kind }, 'audit row failed');
    }
    this.suppressed += told;
    this.suppress(1);
  }

  private suppress(count: number): void {
    this.suppressed += count;
    this.deps.metrics.refusalsSuppressed(count);
  }

  /** A bucket that fills with time. A clock that was set back fills nothing. */
  private mayWrite(at: number): boolean {
    const gained = (Math.max(0, at - this.asOf) / 1_000) * REFUSALS_PER_SECOND;
    this.allowance = Math.min(REFUSALS_BURST, this.allowance + gained);
    this.asOf = at;
    if (this.allowance < 1) return false;
    this.allowance--;
    return true;
  }
}

/** The path of a request's target, and nothing of it that may hold a secret: no query, no fragment, no user:password@. */
export function pathOf(url: string): string {
  const path = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname;
  return path.replace(/[?#].*$/s, '').slice(0, MAX_PATH);
}
