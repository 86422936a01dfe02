import type { AuditReply } from '@pizzapi/protocol';
import type { RunningStack } from '../../support/localStack.js';
import { until } from '../../support/until.js';
import { ask } from './http.js';
import { expectStatus } from './people.js';

type Row = AuditReply['rows'][number] & Record<string, unknown>;

/** The last rows of the audit log, as an admin reads them, the newest first. */
export async function auditRows({ url, token }: Pick<RunningStack, 'url' | 'token'>, kind?: string): Promise<Row[]> {
  const path = `/api/audit?limit=500${kind === undefined ? '' : `&kind=${kind}`}`;
  return (expectStatus(await ask(url, path, { bearer: token }), 200, 'the audit log').json as { rows: Row[] }).rows;
}

/** Waits for a row: they are written without holding anyone up. */
export function auditRow(
  stage: Pick<RunningStack, 'url' | 'token'>,
  kind: string,
  fits: (row: Row) => boolean = () => true,
): Promise<Row> {
  return until(`a row ${kind} of the audit log`, async () => (await auditRows(stage, kind)).find(fits));
}
