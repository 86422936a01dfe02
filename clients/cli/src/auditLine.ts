import { auditSentence, auditText, type AuditNames, type AuditReply } from '@pizzapi/protocol';
import { paint, toSafeLine, type Io } from './io.js';

export type PrintedAuditRow = AuditReply['rows'][number];

/** Characters that the sentence of a row may take. */
const SENTENCE_WIDTH = 200;
/** The command line shows people and runners by their ids. */
const BY_ID: AuditNames = { user: () => undefined, runner: () => undefined };

/** One row of the audit log as one line: offset, time, kind, and the sentence. Total over any row. */
export function auditLine(row: PrintedAuditRow, io: Pick<Io, 'colour'>): string {
  const { seq, kind, at } = row;
  const time = Number.isNaN(new Date(at).getTime()) ? '' : new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  const head = paint(io, 'dim', `${String(seq).padStart(7)} ${time.padEnd(19)}`);
  const what = toSafeLine(kind, 16).padEnd(16);
  const sentence = auditSentence(row, BY_ID);
  const text = toSafeLine(auditText(sentence), SENTENCE_WIDTH);
  return `${head}  ${sentence.bad ? paint(io, 'red', what) : what}  ${text}`;
}
