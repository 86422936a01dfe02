import type { AuditWriter } from '@pizzapi/backbone';
import { auditFieldsOf, type Principal } from '../auth/principal.js';
import type { ActionRates } from '../session/actionRates.js';

/**
 * Returns a writer of rows for a keyboard that came to a viewer without being asked for. The rows have the rates of requests
 * with such a row: they push no others out of the log.
 */
export function keyboardAudit({
  rates,
  audit,
}: {
  rates: ActionRates;
  audit: AuditWriter<'runner_call'>;
}): (principal: Principal, terminalId: string, runnerId: string) => void {
  return (principal, target, runnerId) => {
    const row = { ...auditFieldsOf(principal), runnerId, method: 'take_keyboard', target };
    void rates.take('runner_call', principal, principal.userId).then((tooFast) => {
      if (tooFast === undefined) audit('runner_call', row);
    });
  };
}
