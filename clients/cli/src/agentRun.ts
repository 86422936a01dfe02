import { errorInfo, evolveRun, INTERRUPTED_TEXT, isInterruption, requestedAgentRun } from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import { eventLine } from './eventLine.js';
import type { GatewayAccess } from './home.js';
import { EXIT, Failure, interruptible, line, type Io } from './io.js';

/** How long after a failure or a stop of its host the agent may begin again by itself, in ms. */
const RETRY_GRACE_MS = 2_000;

/** Prints the log of a session that was just started until its agent is done. Resolves with the exit code. */
export async function untilAgentEnds(
  { url, token }: Pick<GatewayAccess, 'url' | 'token'>,
  sid: string,
  io: Io,
): Promise<number> {
  const session = openSession({ url, sessionId: sid, ...(token === undefined ? {} : { token }), WebSocket });
  let run = requestedAgentRun();
  let asked = false;
  try {
    return await interruptible(
      io,
      (signal) =>
        new Promise<number>((resolve, reject) => {
          const settle = () => {
            if (run.status === 'completed') resolve(EXIT.ok);
            if (run.status === 'failed' || run.status === 'aborted') resolve(EXIT.failed);
            if (run.status !== 'failing' && run.status !== 'interrupted') return;
            const { status } = run;
            void io.sleep(RETRY_GRACE_MS, signal).then(() => {
              if (run.status !== status) return;
              if (status === 'interrupted')
                line(io.stderr, `${INTERRUPTED_TEXT} Continue with //continue in: pizzapi attach ${sid}`);
              resolve(EXIT.failed);
            });
          };
          session.onEvent((seq, event) => {
            const before = run;
            run = evolveRun(run, event);
            line(io.stdout, eventLine(seq, event, io, isInterruption(before, run)));
            if (run.status !== before.status) settle();
          });
          session.subscribe(() => {
            const { state } = session.connection;
            if (state.kind === 'closed') reject(new Failure(state.error ?? errorInfo('gateway_unreachable')));
            const waits = session.info.state === 'waiting';
            if (waits && !asked) line(io.stderr, `The agent waits for your answer. Answer with: pizzapi attach ${sid}`);
            asked = waits;
          });
          signal.addEventListener('abort', () => resolve(EXIT.interrupted), { once: true });
        }),
    );
  } finally {
    session.close();
  }
}
