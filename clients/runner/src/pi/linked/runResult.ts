import { isMap, type SessionEvent } from '@pizzapi/protocol';
import { shortened } from '../../linked/agentMessages.js';

/** What a run came to. */
export type RunResult =
  | { trigger: 'session_complete'; reason?: undefined; payload: { text: string } }
  | {
      trigger: 'session_error';
      reason: 'error' | 'aborted' | 'interrupted';
      payload: { reason: string; message: string };
    };

const failed = (reason: 'error' | 'aborted' | 'interrupted', message: string): RunResult => ({
  ...{ trigger: 'session_error', reason, payload: { reason, message } },
});

/** How a run went, by the last thing its agent said; undefined while it said nothing. */
export function runResultOf(message: unknown): RunResult | undefined {
  if (!isMap(message) || message['role'] !== 'assistant') return undefined;
  const { stopReason, errorMessage } = message;
  if (stopReason === 'error') {
    const why = typeof errorMessage === 'string' ? errorMessage : 'The model failed.';
    return failed('error', why);
  }
  if (stopReason === 'aborted') return failed('aborted', 'It was stopped by a person.');
  return { trigger: 'session_complete', payload: { text: shortened(textOf(message['content'])) } };
}

/** What a session that was cut off in the middle tells of it. */
export const INTERRUPTED = failed('interrupted', 'Its host stopped while it worked. It goes on when it is told to.');

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) => (isMap(block) && typeof block['text'] === 'string' ? block['text'] : ''))
    .join('');
}

/** Watches what a session says for the end of its work: a run after which nothing follows by itself. */
export class RunResultWatcher {
  private last: unknown;
  private running = false;
  private unreported = false;

  constructor(
    private readonly isIdle: () => boolean,
    private readonly onEnd: (end: RunResult) => void,
  ) {}

  observe(event: SessionEvent): void {
    switch (event.type) {
      case 'agent_start':
        this.running = true;
        this.unreported = true;
        return;
      case 'message_end':
        if (event.message.role === 'assistant') this.last = event.message;
        return;
      case 'agent_end':
        this.running = false;
        return;
      default:
        return;
    }
  }

  /** From now on nothing is the end of anything: the process goes. */
  stop(): void {
    this.unreported = false;
  }

  /** The agent has come to rest. What is not idle comes to rest once more. */
  settled(): void {
    if (this.running || !this.unreported || !this.isIdle()) return;
    const end = runResultOf(this.last);
    this.unreported = false;
    if (end !== undefined) this.onEnd(end);
  }
}
