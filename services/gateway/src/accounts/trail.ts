import { publishAudit, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';

/** Writes a row of the audit trail, without holding anyone up. `userId` is who did it. Never a secret. */
export type Trail = (kind: string, fields: { userId?: string; ip?: string; [field: string]: unknown }) => void;

export function trailOf(b: Backbone, log: Logger): Trail {
  return (kind, fields) => {
    publishAudit(b, { kind, at: Date.now(), ...fields }).then(
      (outcome) => outcome.kind === 'unavailable' && log.warn({ kind }, 'audit row was not stored'),
      (err: unknown) => log.error({ err, kind }, 'audit row failed'),
    );
  };
}
