import { errorInfo, type ErrorInfo, type LinkOutcome } from '@pizzapi/protocol';
import type { PendingCommand } from './commands.js';
import type { LinkCommandResult } from './linkEvents.js';

/** A command without a result for so long waits for its host, in ms. */
export const QUEUED_AFTER_MS = 5_000;
/** How long after its time a result may still come, in ms: hosts have clocks of their own. */
export const SLACK_MS = 30_000;

export interface ReceiptOutcome {
  outcome: LinkOutcome;
  error?: ErrorInfo | { code: string; message: string };
}

const LATE = ['trigger_late', 'dialog_late', 'command_expired'];

/** What a result means to who sent the command. */
export function outcomeOf({ ok, error }: LinkCommandResult): ReceiptOutcome {
  if (ok) return { outcome: 'delivered' };
  const why = error ?? errorInfo('unknown');
  return { outcome: LATE.includes(why.code) ? 'late' : 'failed', error: why };
}

/** What there is to tell of a command that has no result yet. `over`: none is waited for any more. */
export function receiptWhenOverdue(
  pendingCommand: PendingCommand,
  now: number,
): { told: ReceiptOutcome; over: boolean } | 'over' | undefined {
  const { isSpawn, at, expiresAt, told } = pendingCommand;
  if (isSpawn) {
    // It may have begun after all: its first event says so, within the slack.
    if (now >= expiresAt + SLACK_MS) return 'over';
    if (now < expiresAt || told !== undefined) return undefined;
    return { told: { outcome: 'failed', error: errorInfo('runner_timeout') }, over: false };
  }
  if (now >= expiresAt + SLACK_MS)
    return { told: { outcome: 'late', error: errorInfo('command_expired') }, over: true };
  if (told !== undefined || now - at < QUEUED_AFTER_MS) return undefined;
  return { told: { outcome: 'queued' }, over: false };
}
