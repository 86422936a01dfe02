import type { TranscriptItem } from '@pizzapi/protocol';
import { createApi, openSession, type Api, type Session } from '@pizzapi/session-client';
import WebSocket from 'ws';
import type { RunningStack } from './localStack.js';
import { until } from './until.js';

export function apiOf(stage: RunningStack): Api {
  return createApi({ url: stage.url, token: stage.token });
}

/** A viewer that records every event that it receives, to compare with the log. */
export interface SessionWatcher {
  session: Session;
  events: { seq: number; event: { type: string } & Record<string, unknown> }[];
  /** Waits for the first event of this type after the offset `after`. */
  next(type: string, ms?: number, after?: number): Promise<{ seq: number; event: Record<string, unknown> }>;
  close(): void;
}

export function watch(
  stage: Pick<RunningStack, 'url' | 'token'>,
  sessionId: string,
  options: { tail?: number } = {},
): SessionWatcher {
  const session = openSession({ url: stage.url, token: stage.token, sessionId, WebSocket, ...options });
  const events: SessionWatcher['events'] = [];
  session.onEvent((seq, event) => events.push({ seq, event: event as SessionWatcher['events'][number]['event'] }));
  return {
    session,
    events,
    next: (type, ms = 30_000, after = 0) =>
      until(`${type} after ${after}`, () => events.find((entry) => entry.event.type === type && entry.seq > after), ms),
    close: () => session.close(),
  };
}

/** Starts a session with the demo model. Returns its id when the session runs and accepts input. */
export async function newSession(stage: RunningStack, prompt?: string): Promise<string> {
  const reply = await apiOf(stage).createSession({
    cwd: stage.project,
    model: 'demo/demo',
    ...(prompt === undefined ? {} : { prompt }),
  });
  if (reply.kind === 'failed') throw new Error(`${reply.error.code}: ${reply.error.message}`);
  const { sessionId } = reply.value;
  await untilHosted(stage, sessionId);
  return sessionId;
}

/** Waits until the gateway sees the worker of a session, because it refuses commands before. */
export async function untilHosted(stage: RunningStack, sid: string): Promise<void> {
  await until(`the worker of ${sid} is connected`, async () => {
    const reply = await apiOf(stage).session(sid);
    return reply.kind === 'ok' && reply.value.session.host === 'connected';
  });
}

/** Sends input to a session. Throws when it is refused. */
export async function tell(stage: RunningStack, sid: string, text: string): Promise<void> {
  const reply = await apiOf(stage).input(sid, { text });
  if (reply.kind === 'failed') throw new Error(`${reply.error.code}: ${reply.error.message}`);
}

/** The texts of the messages of one role. */
export const textsOf = (watcher: SessionWatcher, role: string) =>
  watcher.session.transcript.items.flatMap((item: TranscriptItem) =>
    item.kind === 'message' && item.role === role
      ? [item.blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('')]
      : [],
  );

/** Sends a command and waits for its result. */
export async function resultOf(watcher: SessionWatcher, name: string, args: Record<string, unknown> = {}) {
  const sent = await watcher.session.command(name, args);
  if (sent.kind !== 'accepted') throw new Error(JSON.stringify(sent));
  return watcher.session.result(sent.commandId);
}
