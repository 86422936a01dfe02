import type { Backbone } from '@pizzapi/backbone';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startLocalStack, type LocalStack } from '../../support/localStack.js';
import { connectTo } from '../../support/log.js';
import { until } from '../../support/until.js';
import { watch, type SessionWatcher } from '../../support/viewer.js';
import { ask, type HttpAnswer } from './http.js';
import { newShare } from './people.js';
import { join as enter, type OpenSocket } from './socket.js';

/** A lease has to expire, and a process has to start. */
export const SLOW_MS = 90_000;

export type Event = Record<string, unknown> & { type: string };

export const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;
export const spawning = (prompt: string, more: object = {}) => call('spawn_session', { prompt, ...more });
export const QUESTION = call('ask_user_question', {
  questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }],
});

/** The n-th event on a log that fits, once it comes. */
export const find = (log: SessionWatcher, type: string, fields: object = {}, n = 1): Promise<Event> =>
  until(
    `${n} × ${type} ${JSON.stringify(fields)}`,
    () =>
      log.events.filter(
        ({ event }) => event.type === type && Object.entries(fields).every(([key, value]) => event[key] === value),
      )[n - 1]?.event,
    SLOW_MS,
  );

/** The texts of people that the agent of a session has read. */
export const read = (log: SessionWatcher): string[] =>
  log.events.flatMap(({ event }) => {
    const message = event['message'] as { role: string; content: { text?: string }[] } | undefined;
    if (event.type !== 'message_end' || message?.role !== 'user') return [];
    return [message.content.map(({ text = '' }) => text).join('')];
  });

/** A guest of a share link, over HTTP and a socket. */
export interface StageGuest {
  token: string;
  shareId: string;
  post(path: string, json: object): Promise<HttpAnswer>;
  /** Sends an input and returns the id of its command; throws when it is refused. */
  say(text: string, deliverAs?: string): Promise<string>;
  answer(dialogId: unknown, value: unknown): Promise<HttpAnswer>;
  /** The same over the socket: the code of the refusal, or the result of the command. */
  answerBySocket(dialogId: unknown, value: unknown): Promise<string>;
  end(): Promise<HttpAnswer>;
}

/** A local stack for tests of what guests may do. */
export interface GuestStage {
  readonly stage: LocalStack;
  /** With the login of the administrator. */
  readonly admin: Backbone;
  /** Watches a session until the end of the test. */
  readonly follow: (sid: string) => SessionWatcher;
  /** Lets a guest in by a new share link. */
  readonly guest: (sid: string, mode: 'collab' | 'approve', name?: string) => Promise<StageGuest>;
}

/** Starts a local stack before the tests of a file, and stops it after them. */
export function useGuestStage(): GuestStage {
  let stage: LocalStack;
  let admin: Backbone;
  const watchers: SessionWatcher[] = [];
  const sockets: OpenSocket[] = [];

  beforeAll(async () => {
    stage = await startLocalStack({ PIZZAPI_DEMO_SPEED: 'instant' });
    admin = await connectTo(stage);
  }, 240_000);
  afterEach(() => {
    for (const watcher of watchers.splice(0)) watcher.close();
    for (const socket of sockets.splice(0)) socket.close();
  });
  afterAll(async () => {
    await admin?.close();
    await stage?.clear();
  });

  return {
    get stage() {
      return stage;
    },
    get admin() {
      return admin;
    },
    follow: (sid) => {
      const watcher = watch(stage, sid);
      watchers.push(watcher);
      return watcher;
    },
    guest: async (sid, mode, name = 'Bob') => {
      const { token, shareId } = await newShare(stage, stage.token, sid, { mode });
      const socket = await enter(stage.url, `/ws/sessions/${sid}?name=${name}`, { bearer: token });
      sockets.push(socket);
      return greet(stage, { sid, token, shareId, name }, socket);
    },
  };
}

async function greet(
  stage: LocalStack,
  { sid, token, shareId, name }: { sid: string; token: string; shareId: string; name: string },
  socket: OpenSocket,
): Promise<StageGuest> {
  await socket.heard('hello');
  socket.send({ type: 'resume' });
  await socket.heard('live');
  const post: StageGuest['post'] = (path, json) =>
    ask(stage.url, `/api/sessions/${sid}/${path}?name=${name}`, { bearer: token, json });
  const resultOf = (commandId: unknown) =>
    socket.heard('event', ({ event }) => {
      const { type, commandId: id } = event as Event;
      return type === 'command_result' && id === commandId;
    });
  let refs = 0;
  return {
    ...{ token, shareId, post },
    say: async (text, deliverAs) => {
      const answer = await post('input', { text, ...(deliverAs === undefined ? {} : { deliverAs }) });
      if (answer.status !== 202) throw new Error(answer.text);
      return (answer.json as { commandId: string }).commandId;
    },
    answer: (dialogId, value) => post('commands', { name: 'dialog_response', args: { dialogId, value } }),
    answerBySocket: async (dialogId, value) => {
      const ref = `r${++refs}`;
      socket.send({ type: 'command', ref, name: 'dialog_response', args: { dialogId, value } });
      const answered = await until('an answer', () =>
        socket.frames.find((frame) => frame.ref === ref && (frame.type === 'ack' || frame.type === 'error')),
      );
      if (answered.type === 'error') return `refused ${String(answered['code'])}`;
      const { event } = await resultOf(answered['commandId']);
      const { ok, error } = event as { ok: boolean; error?: { code: string } };
      return ok ? 'ok' : String(error?.code);
    },
    end: () => ask(stage.url, `/api/sessions/${sid}/shares/${shareId}`, { method: 'DELETE', bearer: stage.token }),
  };
}
