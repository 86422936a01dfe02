import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '@mariozechner/pi-coding-agent';
import type { EventOf, SessionEvent, SessionEventType, UnnumberedDelta } from '@pizzapi/protocol';
import { openPiSession } from './open.js';
import type { OpenOptions, PiSession, PiSink } from './types.js';

/** A picture of one pixel, as base64. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Whether the tests run on pi 1.x, which does some things otherwise. */
export const IS_PI_1 = !VERSION.startsWith('0.');

/** Keeps everything a session reports, and wakes whoever waits for something in particular. */
export class Recorder implements PiSink {
  readonly events: SessionEvent[] = [];
  readonly deltas: UnnumberedDelta[] = [];
  #waiting: { check: () => boolean; resolve: () => void }[] = [];

  event(event: SessionEvent): void {
    this.events.push(event);
    this.#wake();
  }

  delta(delta: UnnumberedDelta): void {
    this.deltas.push(delta);
    this.#wake();
  }

  /** All events of a type, in order. */
  all<T extends SessionEventType>(type: T): EventOf<T>[] {
    return this.events.filter((event) => event.type === type) as unknown as EventOf<T>[];
  }

  types(): string[] {
    return this.events.map((event) => event.type);
  }

  /** Resolves once `check` holds; it is asked again after everything that is reported. */
  until(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ check, resolve }));
  }

  /** Resolves with the n-th event of a type. */
  async next<T extends SessionEventType>(type: T, n = 1): Promise<EventOf<T>> {
    await this.until(() => this.all(type).length >= n);
    return this.all(type)[n - 1]!;
  }

  /** The text of a block, put together from its pieces. */
  pieces(type: UnnumberedDelta['type'], id: string, index?: number): string {
    return this.deltas
      .map((delta) => {
        if (delta.type !== type) return '';
        if (delta.type === 'tool_output_delta') return delta.toolCallId === id ? delta.text : '';
        if (delta.messageId !== id || delta.index !== index) return '';
        return delta.type === 'toolcall_delta' ? delta.json : delta.text;
      })
      .join('');
  }

  #wake(): void {
    const [ready, waiting] = [this.#waiting.filter((w) => w.check()), this.#waiting.filter((w) => !w.check())];
    this.#waiting = waiting;
    for (const { resolve } of ready) resolve();
  }
}

export interface TestSession {
  session: PiSession;
  log: Recorder;
  cwd: string;
  agentDir: string;
  close(): Promise<void>;
}

const AGENT_DIR = 'PI_CODING_AGENT_DIR';

/** Has pi's own extensions read this configuration, as in a worker, and never that of the person who runs the tests. */
function useAgentDir(agentDir: string): () => void {
  const before = process.env[AGENT_DIR];
  process.env[AGENT_DIR] = agentDir;
  return () => {
    if (before === undefined) Reflect.deleteProperty(process.env, AGENT_DIR);
    else process.env[AGENT_DIR] = before;
  };
}

/** A session of the real agent in a folder and under a configuration of its own, with the demo model. */
export async function openTestSession(options: Partial<OpenOptions> = {}): Promise<TestSession> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-pi-')));
  const cwd = options.cwd ?? mkdtempSync(join(home, 'cwd-'));
  const agentDir = options.agentDir ?? mkdtempSync(join(home, 'agent-'));
  const restoreAgentDir = useAgentDir(agentDir);
  const log = new Recorder();
  const onBug = (error: unknown) => {
    throw error;
  };
  const outcome = await openPiSession({ model: 'demo/demo', onBug, ...options, cwd, agentDir, sink: log });
  if (outcome.kind === 'refused') throw new Error(outcome.error.message);
  const { session } = outcome;
  await session.start();
  const close = async () => {
    await session.dispose();
    restoreAgentDir();
    await rm(home, { recursive: true, force: true });
  };
  return { session, log, cwd, agentDir, close };
}
