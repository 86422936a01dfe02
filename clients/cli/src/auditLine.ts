import { type AuditReply } from '@pizzapi/protocol';
import { paint, toSafeLine, type Io } from './io.js';

export type PrintedAuditRow = AuditReply['rows'][number];

/** The number of characters of the other fields of a row. */
const DETAILS_WIDTH = 160;
/** Kinds of rows about a refused access. */
const BAD = new Set(['refused', 'login_failed', 'runner_refused', 'user_disabled']);

/** Returns a row of the audit log as one line: offset, time, action, actor and the other fields. Total over any row. */
export function auditLine(row: PrintedAuditRow, io: Pick<Io, 'colour'>): string {
  const { seq, kind, at, ...rest } = row;
  const { userId, via, ...details } = rest as Record<string, unknown>;
  const time = Number.isNaN(new Date(at).getTime()) ? '' : new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  const head = paint(io, 'dim', `${String(seq).padStart(7)} ${time.padEnd(19)}`);
  const what = toSafeLine(kind, 16).padEnd(16);
  const who = typeof userId === 'string' ? userId : '-';
  const how = typeof via === 'string' && via !== 'owner' ? ` (${via})` : '';
  const text = Object.entries(details).map(([key, value]) => `${key}=${shown(value)}`);
  return `${head}  ${BAD.has(kind) ? paint(io, 'red', what) : what}  ${toSafeLine(who + how, 40).padEnd(12)}  ${toSafeLine(text.join(' '), DETAILS_WIDTH)}`.trimEnd();
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
