import { publishAudit, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';

/** Rows of the audit trail that a projector writes: what guests had agents begin, and what ended with their link. */
export const TRAIL_KINDS = ['guest_spawn', 'guest_stopped'] as const;

/** Writes a row of the audit trail, without holding anything up. */
export type Trail = (kind: (typeof TRAIL_KINDS)[number], fields: Record<string, string | undefined>) => void;

export function trailOf(b: Backbone, log: Logger): Trail {
  return (kind, fields) => {
    publishAudit(b, { kind, at: Date.now(), ...fields }).then(
      (outcome) => outcome.kind === 'unavailable' && log.warn({ kind }, 'audit row was not stored'),
      (err: unknown) => log.error({ err, kind }, 'audit row failed'),
    );
  };
}
