import { errorInfo, evolveRun, initialAgentRun, type AgentRun } from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import type { GatewayAccess } from './home.js';
import { Failure, interruptible, line, type Io } from './io.js';

/** How long after a failure the agent may begin to retry, in ms. */
const RETRY_GRACE_MS = 2_000;

/** How a run of the agent ended. `text` is the agent's answer. */
export type AgentRunEnd =
  { status: 'completed' | 'failed' | 'aborted'; text: string; error: string | undefined } | { status: 'interrupted' };

/** Waits until the agent of a session that was just started is done, or until Ctrl-C. */
export async function untilAgentEnds({ url, token }: GatewayAccess, sid: string, io: Io): Promise<AgentRunEnd> {
  const session = openSession({ url, sessionId: sid, ...(token === undefined ? {} : { token }), WebSocket });
  let run = initialAgentRun();
  let asked = false;
  try {
    return await interruptible(
      io,
      (signal) =>
        new Promise<AgentRunEnd>((resolve, reject) => {
          const settle = () => {
            const { status } = run;
            if (status === 'completed' || status === 'failed' || status === 'aborted') resolve(endOf(run, status));
            if (status !== 'failing') return;
            void io.sleep(RETRY_GRACE_MS, signal).then(() => {
              if (run.status === 'failing') resolve(endOf(run, 'failed'));
            });
          };
          session.onEvent((_seq, event) => {
            const before = run.status;
            run = evolveRun(run, event);
            if (run.status !== before) settle();
          });
          session.subscribe(() => {
            const { state } = session.connection;
            if (state.kind === 'closed') reject(new Failure(state.error ?? errorInfo('gateway_unreachable')));
            const waits = session.info.state === 'waiting';
            if (waits && !asked) line(io.stderr, `The agent waits for your answer. Answer with: pizzapi attach ${sid}`);
            asked = waits;
          });
          signal.addEventListener('abort', () => resolve({ status: 'interrupted' }), { once: true });
        }),
    );
  } finally {
    session.close();
  }
}

function endOf({ text, error }: AgentRun, status: 'completed' | 'failed' | 'aborted'): AgentRunEnd {
  return { status, text, error };
}
