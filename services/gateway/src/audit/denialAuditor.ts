import type { AuditWriter } from '@pizzapi/backbone';
import type { ErrorCode } from '@pizzapi/protocol';

/** Rows a second that one gateway writes on average. */
export const REFUSALS_PER_SECOND = 10;
/** Rows that it may write at once after a time without refusals. */
export const REFUSALS_BURST = 30;
/** Characters of a path that are kept. */
const MAX_PATH = 200;

/** A refused request or upgrade, or a refused frame on an open socket. */
export type Refusal = { code: ErrorCode; userId?: string } & (
  { ip: string; method: string; path: string } | { sessionId: string; frame: string }
);

export interface DenialAuditorDeps {
  audit: AuditWriter<'refused'>;
  metrics: { refusalsSuppressed(count: number): void };
  /** In ms; for tests. */
  now?: () => number;
}

/**
 * Writes a row `refused` of the audit log for every refusal. During a flood it only counts refusals above the rate, so
 * that an attacker cannot fill the audit log; the next row contains their number (`suppressed`).
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
    this.deps.audit('refused', { at, ...refusal, ...(suppressed === 0 ? {} : { suppressed }) }, () => {
      this.suppressed += suppressed;
      this.suppress(1);
    });
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
