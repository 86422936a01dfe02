import { errorInfo, isMap, mapAt, stringAt } from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import { WebSocket } from 'ws';
import { eventLine } from './eventLine.js';
import type { GatewayAccess } from './home.js';
import { EXIT, Failure, interruptible, line, type Io } from './io.js';

/** How long after a failure the agent may say that it tries again, in ms. */
const RETRY_GRACE_MS = 2_000;

/** How a run of the agent went, as far as its events have told. */
export type RunState = 'working' | 'failing' | 'done' | 'failed';

/**
 * What an event makes of a run. `failing`: the agent has stopped with an error and may yet try again by itself. Total.
 */
export class AgentRunWatcher {
  state: RunState = 'working';
  #stopReason: string | undefined;

  see(event: unknown): void {
    if (!isMap(event)) return;
    switch (event['type']) {
      case 'message_end': {
        const message = mapAt(event, 'message') ?? {};
        if (message['role'] === 'assistant') this.#stopReason = stringAt(message, 'stopReason');
        return;
      }
      case 'agent_start':
      case 'auto_retry_start':
        this.state = 'working';
        return;
      case 'agent_end':
        this.state =
          ({ error: 'failing', aborted: 'failed' }[this.#stopReason ?? ''] as RunState | undefined) ?? 'done';
        return;
      case 'auto_retry_end':
        if (event['success'] === false) this.state = 'failed';
        return;
      case 'session_ended':
        this.state = event['reason'] === 'completed' ? 'done' : 'failed';
        return;
    }
  }
}

/** Prints the log of a session that was just started until its agent is done. Resolves with the exit code. */
export async function untilAgentEnds({ url, token }: GatewayAccess, sid: string, io: Io): Promise<number> {
  const session = openSession({ url, sessionId: sid, ...(token === undefined ? {} : { token }), WebSocket });
  const watch = new AgentRunWatcher();
  let asked = false;
  try {
    return await interruptible(
      io,
      (signal) =>
        new Promise<number>((resolve, reject) => {
          const settle = () => {
            if (watch.state === 'done') resolve(EXIT.ok);
            if (watch.state === 'failed') resolve(EXIT.failed);
            if (watch.state !== 'failing') return;
            void io.sleep(RETRY_GRACE_MS, signal).then(() => {
              if (watch.state === 'failing') resolve(EXIT.failed);
            });
          };
          session.onEvent((seq, event) => {
            line(io.stdout, eventLine(seq, event, io));
            const before = watch.state;
            watch.see(event);
            if (watch.state !== before) settle();
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
