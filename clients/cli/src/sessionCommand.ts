import { errorInfo, isErrorCode, type ErrorInfo } from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import { EXIT, Failure, interruptible, type Io } from './io.js';
import { explainAccessError, gatewayOfRef, type SessionRef } from './sessionRef.js';
import { unwrapResult } from './unwrapResult.js';
import { OUTBOUND } from '@pizzapi/runner/access';

/** How long a runner has to run a command, in ms. */
const RESULT_MS = 30_000;

/** Sends a command to the runner of a session and waits for its result. Fails with the error of the result. */
export async function runSessionCommand(
  ref: SessionRef,
  name: string,
  args: Record<string, unknown>,
  io: Io,
): Promise<void> {
  const { url, token, sid } = ref;
  const gateway = gatewayOfRef(ref);
  await unwrapResult(gateway, gateway.api.session(sid));
  const credentials = token === undefined ? {} : { token };
  const session = openSession({ url, sessionId: sid, ...credentials, tail: 1, ...OUTBOUND });
  const finished = new AbortController();
  try {
    await interruptible(io, async (signal) => {
      const sent = await session.command(name, args);
      if (sent.kind === 'refused') throw new Failure(explainAccessError(sent.error, ref));
      if (sent.kind === 'unknown') throw new Failure(errorInfo('unknown'));
      const late = io.sleep(RESULT_MS, AbortSignal.any([signal, finished.signal])).then(() => 'late' as const);
      const outcome = await Promise.race([session.result(sent.commandId), late]);
      if (outcome === 'late') {
        if (signal.aborted) throw new Failure(errorInfo('unknown'), EXIT.interrupted);
        throw new Failure(errorInfo('runner_timeout'));
      }
      if (outcome.kind === 'failed') throw new Failure(toError(outcome.error));
      if (outcome.kind === 'closed') throw new Failure(errorInfo('unknown'));
    });
  } finally {
    finished.abort();
    session.close();
  }
}

function toError({ code, message }: { code: string; message: string }): ErrorInfo {
  return { code: isErrorCode(code) ? code : 'command_failed', message };
}
