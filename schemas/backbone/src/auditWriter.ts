import type { Logger } from '@pizzapi/process';
import type { Backbone } from './connection.js';
import { publishAudit } from './publish.js';

/** The kinds of rows of the audit log. `docs/protocol/audit.md` describes each. */
export const AUDIT_KINDS = [
  ...(['signup', 'login', 'login_failed', 'logout', 'password'] as const),
  ...(['key_created', 'key_revoked', 'pair_asked', 'pair_answered'] as const),
  ...(['share_created', 'share_changed', 'share_revoked', 'user_disabled', 'user_enabled'] as const),
  ...(['guest_spawn', 'guest_stopped', 'join', 'input', 'command', 'delete', 'notifications', 'refused'] as const),
  ...(['invitation_created', 'invitation_revoked', 'handover_created', 'lan_opened', 'lan_closed'] as const),
  ...(['identity_linked', 'role_changed', 'erased', 'archived', 'restored', 'retention_changed'] as const),
  ...(['runner_claimed', 'runner_refused', 'runner_forgotten', 'runner_call', 'session_granted'] as const),
] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** What a row contains in addition to its kind and time. Never a secret. */
export interface AuditFields {
  /** The account that acted. */
  userId?: string | undefined;
  ip?: string | undefined;
  /** When it happened, in ms. Default: now. */
  at?: number;
  [field: string]: unknown;
}

/** Writes a row without making the caller wait. Calls `onLost` when the row could not be stored. */
export type AuditWriter<K extends AuditKind = AuditKind> = (kind: K, fields: AuditFields, onLost?: () => void) => void;

/** Returns a writer of the audit log. It logs the kind of a row that could not be stored. */
export function createAuditWriter(b: Backbone, log: Pick<Logger, 'warn' | 'error'>): AuditWriter {
  return (kind, fields, onLost) => {
    publishAudit(b, { kind, at: Date.now(), ...fields }).then(
      (outcome) => {
        if (outcome.kind !== 'unavailable') return;
        log.warn({ kind }, 'audit row was not stored');
        onLost?.();
      },
      (err: unknown) => {
        log.error({ err, kind }, 'audit row failed');
        onLost?.();
      },
    );
  };
}
