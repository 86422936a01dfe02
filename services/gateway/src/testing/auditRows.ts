import { AUDIT_STREAM, consumeStream, publishAudit } from '@pizzapi/backbone';
import { decode } from '@pizzapi/protocol';
import type { GatewayScenario } from './scenario.js';

/**
 * The rows of the audit log after an offset, up to now. Every connection leaves a mark: what a gateway has written
 * before, also without waiting, is in the stream before the mark of its connection.
 */
export async function auditRows({ b, backbones }: GatewayScenario, after = 0): Promise<Record<string, unknown>[]> {
  const mark = `mark-${crypto.randomUUID()}`;
  const marks = backbones.length;
  await Promise.all(backbones.map((each) => publishAudit(each, { kind: 'mark', at: Date.now(), mark })));
  const rows: Record<string, unknown>[] = [];
  const stop = new AbortController();
  await consumeStream(b, AUDIT_STREAM, {
    after,
    signal: stop.signal,
    onBatch: (batch) => {
      rows.push(...batch.map(({ payload }) => decode(payload) as Record<string, unknown>));
      if (rows.filter((row) => row['mark'] === mark).length === marks) stop.abort();
    },
  });
  return rows.filter(({ kind }) => kind !== 'mark');
}
