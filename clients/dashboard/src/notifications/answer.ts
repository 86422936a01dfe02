import { isErrorCode, type ErrorInfo } from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import { signedIn } from '../state/client.js';

export type Answered = { kind: 'answered' } | { kind: 'refused'; error: ErrorInfo } | { kind: 'unknown' };

/** How long the agent's host may take to say that an answer has arrived, in ms. */
const RECEIPT_MS = 20_000;

/**
 * Answers a prompt without its session's page. The log of the session has the receipt: somebody else may have been
 * faster, and then the answer was not taken.
 */
export async function answerPrompt(sessionId: string, dialogId: string, value: unknown): Promise<Answered> {
  const session = openSession({ ...signedIn, sessionId, tail: 1 });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    session.close();
  }, RECEIPT_MS);
  try {
    const sent = await session.command('dialog_response', { dialogId, value });
    if (late) return { kind: 'unknown' };
    if (sent.kind !== 'accepted') return sent;
    const outcome = await session.result(sent.commandId);
    if (outcome.kind === 'failed') return { kind: 'refused', error: errorOf(outcome.error) };
    return { kind: outcome.kind === 'ok' || outcome.kind === 'delivered' ? 'answered' : 'unknown' };
  } finally {
    clearTimeout(timer);
    session.close();
  }
}

/** A host of a later version may have a code that this page does not know. */
function errorOf({ code, message }: { code: string; message: string }): ErrorInfo {
  return { code: isErrorCode(code) ? code : 'command_failed', message };
}
