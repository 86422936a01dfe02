import { AUDIT_STREAM, consumeStream, publishAudit, type Backbone } from '@pizzapi/backbone';
import { decode } from '@pizzapi/protocol';

/** The rows of the audit trail after an offset, up to now. Those that are still being written are waited for shortly. */
export async function auditRows(b: Backbone, after = 0): Promise<Record<string, unknown>[]> {
  const mark = `mark-${crypto.randomUUID()}`;
  await publishAudit(b, { kind: 'mark', at: Date.now(), mark });
  const rows: Record<string, unknown>[] = [];
  const stop = new AbortController();
  await consumeStream(b, AUDIT_STREAM, {
    after,
    signal: stop.signal,
    onBatch: (batch) => {
      rows.push(...batch.map(({ payload }) => decode(payload) as Record<string, unknown>));
      if (rows.some((row) => row['mark'] === mark)) stop.abort();
    },
  });
  return rows.filter(({ kind }) => kind !== 'mark');
}
