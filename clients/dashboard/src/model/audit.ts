import type { AuditRowFields } from '@pizzapi/protocol';

/** What each kind of row is called where one chooses among them. Kinds that are not here are shown by their own name. */
export const AUDIT_KINDS: Readonly<Record<string, string>> = {
  login: 'Sign-ins',
  login_failed: 'Failed sign-ins',
  logout: 'Sign-outs',
  signup: 'New accounts',
  password: 'Passwords',
  key_created: 'Keys created',
  key_revoked: 'Keys revoked',
  pair_asked: 'Pairings requested',
  pair_answered: 'Pairings answered',
  share_created: 'Links created',
  share_changed: 'Links changed',
  share_revoked: 'Links revoked',
  guest_spawn: 'Sessions started by guests',
  guest_stopped: 'Guests who lost access',
  notifications: 'Notifications',
  join: 'Sessions opened',
  input: 'Messages',
  command: 'Commands',
  delete: 'Deletions',
  refused: 'Refusals',
  user_disabled: 'People disabled',
  user_enabled: 'People enabled',
  runner_claimed: 'Runners claimed',
  runner_forgotten: 'Runners forgotten',
  runner_refused: 'Runners refused',
  session_granted: 'Sessions granted',
};

export interface AuditDay {
  /** Midnight before its rows, ms. */
  day: number;
  rows: AuditRowFields[];
}

/** The rows under their days, in the order they came. */
export function byDay(rows: readonly AuditRowFields[]): AuditDay[] {
  const days: AuditDay[] = [];
  for (const row of rows) {
    const day = new Date(row.at).setHours(0, 0, 0, 0);
    const last = days.at(-1);
    if (last?.day === day) last.rows.push(row);
    else days.push({ day, rows: [row] });
  }
  return days;
}
