import { createTranscript, foldTranscript, type Transcript } from '@pizzapi/protocol';
import { afterEach, beforeEach } from 'vitest';
import { WebSocket } from 'ws';
import { openSession, type ConnectionClock, type Session, type SessionOptions } from '../index.js';
import { SID, ScriptedGateway, ScriptedLog } from './scriptedGateway.js';

/** The log and the gateway of the test that runs. */
export let log: ScriptedLog;
export let gateway: ScriptedGateway;
let open: Session[] = [];

/** Gives every test of a file a log and a gateway of its own, and closes what it opened. */
export function viewFromScratch(): void {
  beforeEach(async () => {
    log = new ScriptedLog();
    gateway = await new ScriptedGateway(log).listen();
    open = [];
  });
  afterEach(async () => {
    for (const session of open) session.close();
    for (const one of [...log.gateways]) await one.stop();
  });
}

export function view(options: Partial<SessionOptions> = {}): Session {
  const session = openSession({ url: gateway.url, sessionId: SID, WebSocket, random: () => 0, ...options });
  open.push(session);
  return session;
}

/** Resolves once what a session shows is so. Woken by its notifications, not by a clock. */
export function until(session: Session, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.subscribe(check);
    function check(): void {
      if (!condition()) return;
      stop();
      resolve();
    }
    check();
  });
}
export const live = (session: Session) => until(session, () => session.connection.state.kind === 'live');
export const at = (session: Session, seq = log.head) =>
  until(session, () => session.cursor === seq && session.connection.state.kind === 'live');

export const say = (id: string, text: string, role = 'user') => [
  { type: 'message_start', at: 1, messageId: id, role },
  { type: 'message_end', at: 2, messageId: id, message: { role, content: text } },
];
export const folded = () =>
  foldTranscript(
    createTranscript(),
    log.events.map(({ seq, event }) => [seq, event] as const),
  );
export const items = (t: Transcript) => t.items;

/** Timers that a test ends by hand. */
export class ManualClock implements ConnectionClock {
  time = 0;
  now(): number {
    return this.time;
  }
  readonly timers = new Map<number, { fn: () => void; ms: number }>();
  #next = 0;
  setTimeout(fn: () => void, ms: number): number {
    this.timers.set((this.#next += 1), { fn, ms });
    return this.#next;
  }
  clearTimeout(handle: unknown): void {
    this.timers.delete(handle as number);
  }
  /** Ends the timer of this length. */
  end(ms: number): void {
    const found = [...this.timers].find(([, timer]) => timer.ms === ms);
    if (found === undefined)
      throw new Error(`no timer of ${ms} ms among ${[...this.timers.values()].map((t) => t.ms).join()}`);
    this.timers.delete(found[0]);
    found[1].fn();
  }
}
