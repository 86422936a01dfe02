import { readShare } from '../src/model/shareLink.js';
import {
  decodeMany,
  defaultMetaState,
  encode,
  parseRights,
  type RunnerInfo,
  type SessionInfo,
} from '@pizzapi/protocol';
import { blobAnswer, END_OF_WHOLE, releaseBlobs } from './blobs.js';
import { LIMITED_RUNNERS, manySessions, RUNNERS, SESSIONS, TWIN_RUNNER } from './lists.js';
import { ScriptedNotifications } from './notifications.js';
import { ScriptedPeople, type Cast } from './people.js';
import { LINKED_RUNNERS, LINKED_SESSIONS } from './linked.js';
import { pageOfSessions, PAGES } from './pages.js';
import { PROMPT_SESSIONS } from './prompts.js';
import { QUEUE_SESSIONS } from './queue.js';
import { respond } from './responses.js';
import { ScriptedSharing, SHARED_SESSIONS } from './sharing.js';
import { INTERRUPTED_SESSIONS } from './interrupted.js';
import { NESTED_SESSIONS } from './nested.js';
import { MODEL_GONE_SESSIONS } from './modelGone.js';
import { sceneOf } from './scenes.js';
import type { Scene } from './scene.js';
import { ScriptedFiles } from './files.js';
import { ScriptedTerminals } from './terminals.js';
import { CALLS, changesAnswer } from './changes.js';
import { TURNED_RUNNERS, TURNED_SESSIONS } from './turned.js';
import { waitingSessions } from './waiting.js';

export interface GatewayScript {
  /** `busy`: everything at once. `empty`: nobody has done anything yet. `waiting`: the person is asked much.
   * `prompts`: in every way there is. `queue`: messages wait. `linked`: sessions start sessions. `twins`: runners with one name. `limited`: the pi of
   * each runner has a limit. */
  scene: string;
  cast: Cast;
  /** Sessions in the list, besides those of the scene. */
  sessions: number;
  /** Sessions of a page of the list; 0: the list comes as a whole. */
  page: number;
  /** Messages of the long session. */
  messages: number;
  /** `none`: nobody is notified yet. */
  notifications: string;
  /** The rights of the hosts, separated by commas; all of them without. */
  allow: string;
  /** `nearly`, `full`: of what may be stored. */
  storage: string;
}

const NEVER = () => undefined;

/** Replaces this page's WebSocket and fetch by ones that play a script. */
export function installScriptedGateway(script: GatewayScript): void {
  const sessions = script.scene === 'empty' ? [] : [...SESSIONS];
  sessions.push(...manySessions(script.sessions));
  if (script.scene === 'linked') sessions.push(...LINKED_SESSIONS);
  if (script.scene === 'prompts') sessions.push(...PROMPT_SESSIONS);
  if (script.scene === 'turned') sessions.push(...TURNED_SESSIONS);
  if (script.scene === 'interrupted') sessions.push(...INTERRUPTED_SESSIONS);
  if (script.scene === 'nested') sessions.push(...NESTED_SESSIONS);
  if (script.scene === 'model-gone') sessions.push(...MODEL_GONE_SESSIONS);
  if (script.scene === 'queue') sessions.push(...QUEUE_SESSIONS);
  if (script.scene === 'shared') sessions.push(...SHARED_SESSIONS);
  if (script.scene === 'waiting') sessions.push(...waitingSessions(SESSIONS[0]!));
  const sockets = new Set<Playable>();
  const terminals = new ScriptedTerminals(script.scene);
  const files = new ScriptedFiles(script.scene);
  Object.assign(globalThis, {
    WebSocket: socketClass(script, sessions, sockets, terminals),
    fetch: scriptedFetch(script, sessions, sockets, { terminals, files }),
    /** The files of the host, which a test writes as the agent does. */
    files,
    /** The terminals of the host, which a test prints to and ends. */
    terminals,
    /** For whoever plays: closes every connection with a code, as a gateway does. */
    closeSockets: (code: number) => sockets.forEach((socket) => socket.end(code)),
    /** Tells the list that a session has changed. */
    tellSession: (sessionId: string, changes: Partial<SessionInfo>) =>
      tellSession(sockets, sessions, sessionId, changes),
    /** A host that was not there before is online. */
    addRunner: (name: string) =>
      tellList(sockets, '/ws/runners', { type: 'runner_added', runner: { ...RUNNERS[0]!, runnerId: name, name } }),
    /** The first host of the list comes or goes. */
    setOnline: (online: boolean) =>
      tellList(sockets, '/ws/runners', { type: 'runner_updated', runner: { ...RUNNERS[0]!, online } }),
    /** Ends a share of another account. */
    withdraw: (sessionId: string) => deleteSession(sockets, sessions, sessionId, 4401),
    /** Deletes a session, as another person's page does. */
    deleteSession: (sessionId: string) => deleteSession(sockets, sessions, sessionId),
    /** Lets events happen in a session. */
    happen: (sid: string, events: object[]) => sockets.forEach((socket) => socket.happen(sid, events)),
    releaseBlobs,
    /** Ends the long answer. */
    endWhole: () => sockets.forEach((socket) => socket.happen('whole-open', [END_OF_WHOLE])),
    /** Whether pages of the list fail, and the queries of those that were asked for. */
    pages: PAGES,
    /** Frames that the page has sent over the sockets of sessions. */
    sent: SENT,
    /** Requests to the host about git and changes. */
    calls: CALLS,
    /** Bodies of the sessions that the page has asked for. */
    started: STARTED,
  });
}

/** A socket, for whoever plays the gateway. */
interface Playable {
  path: string;
  end(code: number): void;
  tell(...frames: object[]): void;
  happen(sid: string, events: readonly object[]): void;
}

const FOLDERS = ['/home/ada/code/pizzapi', '/home/ada/code/pizzapi-docs', '/home/ada/code/site'];
const STARTED: object[] = [];
const SENT: { sid: string; frame: object }[] = [];

function tellSession(
  sockets: ReadonlySet<Playable>,
  sessions: SessionInfo[],
  sessionId: string,
  changes: Partial<SessionInfo>,
): void {
  const i = sessions.findIndex((session) => session.sessionId === sessionId);
  const session = { ...sessions[i]!, ...changes };
  sessions[i] = session;
  tellList(sockets, '/ws/hub', { type: 'session_status', session });
}

/** Sends a frame to every page that watches this list. */
function tellList(sockets: ReadonlySet<Playable>, path: '/ws/hub' | '/ws/runners', frame: object): void {
  for (const socket of sockets) if (socket.path === path) socket.tell(frame);
}

function deleteSession(sockets: ReadonlySet<Playable>, sessions: SessionInfo[], sessionId: string, code = 4410): void {
  sessions.splice(
    sessions.findIndex((session) => session.sessionId === sessionId),
    1,
  );
  for (const socket of sockets) {
    if (socket.path === '/ws/hub') socket.tell({ type: 'session_removed', sessionId });
    if (socket.path === `/ws/sessions/${sessionId}`) socket.end(code);
  }
}

interface Up {
  type: string;
  ref?: string;
  tail?: number;
  sessionId?: string;
  name?: string;
  text?: string;
  args?: Record<string, unknown>;
}

const VIEWERS = [
  { id: '1', userId: 'owner', mode: 'owner', name: 'Ada Lovelace' },
  { id: '2', userId: 'owner', mode: 'owner', name: 'Ada Lovelace' },
  { id: '3', userId: 'guest_x1', mode: 'collab', name: 'Ann' },
  { id: '4', userId: 'guest_x2', mode: 'read' },
  { id: '5', userId: 'guest_x0', mode: 'approve', name: 'Eve' },
];

/** What a link's bearer may do in a session: what its token says, unsigned as it is. */
function modeOf(protocols: readonly string[]): string {
  const token = protocols.find((protocol) => protocol.startsWith('bearer.'))?.slice('bearer.'.length);
  return token === undefined ? 'owner' : (readShare(token)?.mode ?? 'read');
}

function runnersOf(script: GatewayScript): readonly RunnerInfo[] {
  if (script.allow === '') return listedRunners(script);
  const allowed = parseRights(script.allow);
  return listedRunners(script).map((one) => (allowed.kind === 'ok' ? { ...one, allow: allowed.rights } : one));
}

function listedRunners({ cast, scene }: GatewayScript): readonly RunnerInfo[] {
  if (cast.who === 'member') return [];
  if (scene === 'limited') return LIMITED_RUNNERS;
  if (scene === 'twins') return [...RUNNERS, TWIN_RUNNER];
  if (scene === 'turned') return [...RUNNERS, ...TURNED_RUNNERS];
  return scene === 'linked' ? [...RUNNERS, ...LINKED_RUNNERS] : RUNNERS;
}

function socketClass(
  script: GatewayScript,
  sessions: SessionInfo[],
  sockets: Set<Playable>,
  terminals: ScriptedTerminals,
) {
  return class ScriptedSocket implements Playable {
    binaryType = '';
    onopen: () => void = NEVER;
    onmessage: (event: { data: unknown }) => void = NEVER;
    onclose: (event: { code: number; reason: string }) => void = NEVER;
    onerror: () => void = NEVER;
    readonly path: string;
    readonly #mode: string;
    readonly #send = (...frames: object[]) => this.#emit(...frames);
    #story: Scene | undefined;
    #head = 0;

    constructor(url: string, protocols: string[] = []) {
      this.path = new URL(url).pathname;
      this.#mode = modeOf(protocols);
      sockets.add(this);
      setTimeout(() => {
        this.onopen();
        this.#greet();
      }, 5);
    }

    send(data: Uint8Array): void {
      for (const frame of decodeMany(data) as Up[]) {
        if (this.path.startsWith('/ws/sessions/')) SENT.push({ sid: this.path.split('/').at(-1)!, frame });
        if (this.path.startsWith('/ws/terminals/')) terminals.receive(this.path, frame, this.#send);
        else if (frame.type === 'subscribe_session_meta') this.#tellMeta(frame.sessionId!);
        else if (frame.type === 'resume') this.#replay(frame.tail);
        if (frame.type === 'ping') this.#emit({ type: 'pong' });
        if (frame.ref !== undefined) this.#obey(frame, frame.ref);
      }
    }

    close(): void {
      this.end(1000);
    }

    end(code: number): void {
      sockets.delete(this);
      terminals.leave(this.#send);
      this.onclose({ code, reason: '' });
    }

    tell(...frames: object[]): void {
      this.#emit(...frames);
    }

    #tellMeta(sessionId: string): void {
      const state = { ...defaultMetaState(), ...sceneOf(sessionId, script.messages).meta };
      this.#emit({ type: 'state_snapshot', sessionId, state });
    }

    happen(sid: string, events: readonly object[]): void {
      if (events.length > 0 && this.path === `/ws/sessions/${sid}`)
        this.#emit(...events.map((event) => ({ type: 'event', seq: ++this.#head, event })));
    }

    #obey({ name = 'input', text, args = { text } }: Up, commandId: string): void {
      const sid = this.path.split('/').at(-1)!;
      const said = respond({ commandId, name, args }, this.#story?.respond);
      if (said.kind === 'refused') return this.#emit({ type: 'error', ref: commandId, ...said.error });
      this.#emit({ type: 'ack', ref: commandId, commandId });
      this.happen(sid, said.events);
      if (name === 'dialog_response') this.#answered(sid, args['dialogId'] as string);
    }

    /** The agent has the answer, and goes on when it was the last one. */
    #answered(sid: string, dialogId: string): void {
      const waiting = sessions.find(({ sessionId }) => sessionId === sid)!.waiting.filter((id) => id !== dialogId);
      tellSession(sockets, sessions, sid, { waiting, state: waiting.length > 0 ? 'waiting' : 'working' });
    }

    #greet(): void {
      if (this.path === '/ws/hub')
        return this.#emit({ type: 'sessions', ...pageOf(script, sessions, new URLSearchParams()) });
      if (this.path === '/ws/runners') return this.#emit({ type: 'runners', runners: runnersOf(script) });
      if (this.path.startsWith('/ws/terminals/'))
        return terminals.greet(this.path, this.#send) ? undefined : this.onclose({ code: 4411, reason: '' });
      const sid = this.path.split('/').at(-1)!;
      const session = sessions.find(({ sessionId }) => sessionId === sid);
      if (session === undefined) return this.onclose({ code: 4410, reason: '' });
      this.#story = sceneOf(sid, script.messages);
      const { events, meta } = this.#story;
      const head = (this.#head = events.length);
      this.#emit({
        type: 'hello',
        keys: true,
        protocol: 1,
        sessionId: sid,
        mode: session.shared?.mode ?? this.#mode,
        session,
        meta: { ...defaultMetaState(), approvals: 'allow', ...meta },
        head,
        first: 1,
      });
    }

    #replay(tail = Infinity): void {
      const story = this.#story!;
      const from = Math.max(0, story.events.length - tail);
      const frames = story.events.slice(from).map((event, i) => ({ type: 'event', seq: from + i + 1, event }));
      for (let i = 0; i < frames.length; i += 128) this.#emit(...frames.slice(i, i + 128));
      this.#emit({ type: 'live', seq: story.events.length });
      this.#emit({ type: 'presence', viewers: VIEWERS });
      if (story.partial !== undefined) this.#emit({ type: 'partial', partial: story.partial });
      story.pieces?.forEach((delta, i) => setTimeout(() => this.#emit({ type: 'delta', delta }), 400 + 60 * i));
    }

    #emit(...frames: object[]): void {
      const bytes = frames.map((frame) => encode(frame));
      const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
      bytes.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
      setTimeout(() => this.onmessage({ data: whole.buffer }), 0);
    }
  };
}

function scriptedFetch(
  script: GatewayScript,
  sessions: readonly SessionInfo[],
  sockets: ReadonlySet<Playable>,
  { terminals, files }: { terminals: ScriptedTerminals; files: ScriptedFiles },
) {
  const real = globalThis.fetch.bind(globalThis);
  const people = new ScriptedPeople(script.cast);
  const sharing = new ScriptedSharing();
  const notifications = new ScriptedNotifications(script.notifications);
  return async (input: string, init?: RequestInit): Promise<Response> => {
    const url = new URL(input, location.origin);
    const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
    if (!url.pathname.startsWith('/api/')) return real(input, init);
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    const method = init?.method ?? 'GET';
    const shared = sharing.answer(method, url.pathname, body, (share) => people.addShare(share));
    if (shared !== undefined) return shared;
    const said = people.answer(init?.method ?? 'GET', url.pathname, url.searchParams, body);
    if (said !== undefined) return said;
    const told = await notifications.answer(init?.method ?? 'GET', url.pathname, body);
    if (told !== undefined) return told;
    const blob = await blobAnswer(url.pathname);
    if (blob !== undefined) return blob;
    const stored = storageAnswer(script, sessions, url.pathname, init);
    if (stored !== undefined) return json(stored);
    const forgotten = /^\/api\/runners\/([^/]+)$/.exec(url.pathname)?.[1];
    if (forgotten !== undefined && init?.method === 'DELETE') {
      tellList(sockets, '/ws/runners', { type: 'runner_removed', runnerId: forgotten });
      return json({ runnerId: forgotten, tokenRevoked: true });
    }
    const ofFiles = await files.answer(url.pathname, url.searchParams, init);
    if (ofFiles !== undefined) return ofFiles;
    const ofHost = terminals.answer(url.pathname, body) ?? changesAnswer(script.scene, url.pathname, body);
    if (ofHost !== undefined) return json(ofHost);
    if (url.pathname.endsWith('/rpc/ping'))
      return json({ at: Date.now(), natsMs: 0.7, gateway: { natsMs: 0.4, runnerMs: 1.6 } });
    if (url.pathname.endsWith('/folders'))
      return json({ folders: FOLDERS.filter((folder) => folder.startsWith(url.searchParams.get('path') ?? '')) });
    if (url.pathname.endsWith('/events')) {
      const { events } = sceneOf(url.pathname.split('/')[3]!, script.messages);
      const before = Math.min(events.length + 1, Number(url.searchParams.get('before')));
      const from = Math.max(0, before - 1 - Number(url.searchParams.get('limit')));
      const lines = events.slice(from, before - 1).map((event, i) => JSON.stringify({ seq: from + i + 1, event }));
      return new Response(lines.join('\n'));
    }
    if (url.pathname === '/api/sessions' && init?.method === 'POST') {
      STARTED.push(body);
      return json(
        {
          error: {
            code: 'cwd_not_found',
            message: 'There is no folder /home/ada/wrok. The folder does not exist on the runner. Check the spelling.',
          },
        },
        422,
      );
    }
    if (url.pathname === '/api/sessions') {
      PAGES.asked.push(url.search);
      if (PAGES.fail) return json({ error: { code: 'unavailable', message: 'The list is not available now.' } }, 503);
      return json(pageOf(script, sessions, url.searchParams));
    }
    return json({});
  };
}

const pageOf = ({ page }: GatewayScript, sessions: readonly SessionInfo[], query: URLSearchParams) =>
  page === 0 ? { sessions } : pageOfSessions(sessions, query, page);

/** What is stored, in bytes, of 20 GiB for the account and 2 GiB for each session. */
function storageAnswer(
  { storage, cast }: GatewayScript,
  sessions: readonly SessionInfo[],
  path: string,
  init: RequestInit | undefined,
): object | undefined {
  const GIB = 1024 ** 3;
  const share = { nearly: 0.86, full: 1 }[storage] ?? 0.12;
  const session = { of: 'session', used: 2 * GIB * share, limit: 2 * GIB };
  if (/^\/api\/sessions\/[^/]+\/usage$/.test(path)) {
    const isGuest = new Headers(init?.headers).has('authorization');
    const account = { of: 'account', used: 20 * GIB * share * 0.9, limit: 20 * GIB };
    const link = { of: 'link', used: 40 * 1024 ** 2, limit: 200 * 1024 ** 2 };
    return { uses: isGuest ? [link, session] : [session, account] };
  }
  if (path !== '/api/usage') return undefined;
  const largest = sessions.slice(0, 6).map(({ sessionId, name }, i) => ({
    ...{ sessionId, name, files: Math.round((session.used * 0.9) / (i + 1)), log: Math.round(session.used * 0.1) },
    limit: 2 * GIB,
  }));
  const relay = [
    { of: 'log_of_relay', used: 3.4 * GIB, limit: 0 },
    { of: 'files_of_relay', used: 31 * GIB, limit: 100 * GIB },
  ];
  const account = { of: 'account', used: 20 * GIB * share, limit: 20 * GIB };
  return { uses: [account, ...(cast.who === 'member' ? [] : relay)], sessions: largest };
}
