import { inputsOnTheirWay, queuedInputs } from '@pizzapi/protocol';
import { createApi, openSession, type Session } from '@pizzapi/session-client';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { eventually, nowMs } from './clock.js';
import type { ClusterStack } from './clusterStack.js';

const RETRY_MS = 200;
/** The next input is sent after this time, also when the agent still works. */
const PATIENCE_MS = 5_000;
const IDLE_MS = 120_000;

/**
 * Keeps an agent at work: sends the next input when the answer to the last one has ended. An answer is a thought and a
 * text, which stream at the speed of the demo model for one to two seconds at 600 characters a second.
 */
export class SteadyInputs {
  /** The ids of the inputs that a gateway has accepted. */
  readonly accepted: string[] = [];
  /** How often a gateway did not accept an input, so that it was sent again with the same key. */
  retries = 0;
  private readonly session: Session;
  private stopping = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly stack: Pick<ClusterStack, 'url' | 'token'>,
    readonly sid: string,
  ) {
    this.session = openSession({ url: stack.url, token: stack.token, sessionId: sid, WebSocket });
    this.running = this.run();
  }

  /** Sends no more inputs. Resolves when the agent has ended its work. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    if (!(await eventually(() => this.isIdle(), IDLE_MS))) throw new Error(`the agent of ${this.sid} does not end`);
    this.session.close();
  }

  private isIdle(): boolean {
    const { info, transcript, connection } = this.session;
    const waiting = queuedInputs(transcript).length + inputsOnTheirWay(transcript).length;
    return connection.state.kind === 'live' && info.state === 'idle' && waiting === 0;
  }

  private async run(): Promise<void> {
    for (let n = 1; !this.stopping; n++) {
      await this.send(`/demo thinking input-${n}`);
      const end = nowMs() + PATIENCE_MS;
      // The answer begins after the input was accepted.
      await eventually(() => this.session.info.state !== 'idle' || this.stopping, 1_000);
      while (!this.stopping && !this.isIdle() && nowMs() < end) await delay(20);
    }
  }

  private async send(text: string): Promise<void> {
    const api = createApi({ url: this.stack.url, token: this.stack.token });
    const key = crypto.randomUUID();
    for (;;) {
      const reply = await api.input(this.sid, { text }, { idempotencyKey: key });
      if (reply.kind === 'ok') return void this.accepted.push(reply.value.commandId);
      this.retries++;
      await delay(RETRY_MS);
    }
  }
}
