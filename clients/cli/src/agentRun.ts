import {
  errorInfo,
  evolveRun,
  INTERRUPTED_TEXT,
  isMap,
  modelProblemText,
  isSessionEvent,
  requestedAgentRun,
  type AgentRun,
} from '@pizzapi/protocol';
import { openSession } from '@pizzapi/session-client';
import type { GatewayAccess } from './home.js';
import { Failure, interruptible, line, toSafeLine, type Io } from './io.js';
import { OUTBOUND } from '@pizzapi/runner/access';

/** How long after a failure or a stop of its host the agent may begin again by itself, in ms. */
const RETRY_GRACE_MS = 2_000;

type EndStatus = 'completed' | 'failed' | 'aborted' | 'interrupted';

/**
 * How a run of the agent ended. `text` is the agent's answer. `interrupted`: its host was stopped or died. `cancelled`:
 * Ctrl-C here; the agent continues.
 */
export type AgentRunEnd = { status: EndStatus; text: string; error: string | undefined } | { status: 'cancelled' };

/** Says why a run did not complete, for the terminal. */
export function failureText({ status, error }: { status: EndStatus; error: string | undefined }, sid: string): string {
  if (status === 'aborted') return 'The agent was stopped';
  if (status === 'interrupted') return `${INTERRUPTED_TEXT} Continue with //continue in: pizzapi attach ${sid}`;
  return `The agent failed: ${toSafeLine(error ?? 'unknown error', 500)}`;
}

/** Waits until the agent of a session that was just started is done, or until Ctrl-C. */
export async function untilAgentEnds(
  { url, token }: Pick<GatewayAccess, 'url' | 'token'>,
  sid: string,
  io: Io,
): Promise<AgentRunEnd> {
  const session = openSession({ url, sessionId: sid, ...(token === undefined ? {} : { token }), ...OUTBOUND });
  let run = requestedAgentRun();
  let asked = false;
  let hasBegun = false;
  const trust = new TrustNotice(sid, io);
  try {
    return await interruptible(
      io,
      (signal) =>
        new Promise<AgentRunEnd>((resolve, reject) => {
          const settle = () => {
            const { status } = run;
            if (status === 'completed' || status === 'failed' || status === 'aborted') resolve(endOf(run, status));
            if (status !== 'failing' && status !== 'interrupted') return;
            void io.sleep(RETRY_GRACE_MS, signal).then(() => {
              if (run.status === status) resolve(endOf(run, status === 'failing' ? 'failed' : status));
            });
          };
          // A prompt is refused where there is no model for it. An extension may still bring the model.
          const lookAtModel = () =>
            void io.sleep(RETRY_GRACE_MS, signal).then(() => {
              const problem = modelProblemText(session.meta.model);
              if (problem === undefined || hasBegun) return;
              const error = `${problem}. Choose another one with //model in: pizzapi attach ${sid}`;
              resolve({ status: 'failed', text: run.text, error });
            });
          session.onEvent((_seq, event) => {
            trust.onEvent(event);
            const before = run.status;
            run = evolveRun(run, event);
            if (run.status !== before) settle();
            const type = isMap(event) ? event['type'] : undefined;
            hasBegun ||= type === 'agent_start';
            if (type === 'model_changed') lookAtModel();
          });
          session.subscribe(() => {
            const { state } = session.connection;
            if (state.kind === 'closed') reject(new Failure(state.error ?? errorInfo('gateway_unreachable')));
            const waits = session.info.state === 'waiting' && session.info.waiting.some((id) => !trust.isAbout(id));
            if (waits && !asked) line(io.stderr, `The agent waits for your answer. Answer with: pizzapi attach ${sid}`);
            asked = waits;
          });
          signal.addEventListener('abort', () => resolve({ status: 'cancelled' }), { once: true });
        }),
    );
  } finally {
    session.close();
  }
}

/** Says what of the folder is not loaded. The agent works without it, and does not wait for the answer. */
class TrustNotice {
  readonly #ids = new Set<string>();

  constructor(
    private readonly sid: string,
    private readonly io: Io,
  ) {}

  /** Whether the prompt with this id asks for the trust in the folder. */
  isAbout(id: string): boolean {
    return this.#ids.has(id);
  }

  onEvent(event: unknown): void {
    if (!isSessionEvent(event) || event.type !== 'plugin_trust_required') return;
    const { promptId, pluginNames } = event.prompt;
    if (this.#ids.has(promptId)) return;
    this.#ids.add(promptId);
    const names = pluginNames.map((name) => toSafeLine(name, 80)).join(', ');
    line(this.io.stderr, `Not loaded, because you have not decided about this folder: ${names}.`);
    line(this.io.stderr, `Load it for one session with \`-- --approve\`, or decide in: pizzapi attach ${this.sid}`);
  }
}

function endOf({ text, error }: AgentRun, status: EndStatus): AgentRunEnd {
  return { status, text, error };
}
