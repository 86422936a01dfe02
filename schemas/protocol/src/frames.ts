import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { DELIVER_AS, OriginalAttachmentFields } from './commands.js';
import { SessionPartial } from './deltas.js';
import { errorInfo, type ErrorInfo } from './codedError.js';
import { ID_PATTERN } from './ids.js';
import { RunnerInfo, SessionInfo } from './info.js';
import { isMap } from './json.js';
import { BlobRef } from './messages.js';
import { SessionMetaState } from './meta.js';

/**
 * The frames of the WebSockets (docs/protocol/frames.md). A binary message holds one or more frames, a text message
 * one.
 */
const Optional = Type.Optional;
const Text = Type.String();
const Seq = Type.Integer({ minimum: 0 });
const Ref = Type.String({ minLength: 1, maxLength: 64 });

/**
 * The sender's own id for a command. The same key of the same person in the same session is the same command, also on
 * another connection and over HTTP (`Idempotency-Key`), so that sending it again is safe.
 */
const Key = Optional(Type.String({ pattern: ID_PATTERN }));

/**
 * The trace context of the click or program that the frame comes from (`traceContext.ts`). Of any other form or length it
 * is ignored, and the command begins a new trace.
 */
const Trace = { traceparent: Optional(Text), tracestate: Optional(Text) };

/** Maximum size in bytes of one message from a client. */
export const MAX_FRAME_BYTES = 1024 * 1024;

const GivenTexts = { name: Optional(Text), mediaType: Optional(Text) } as const;

/**
 * A file with an input: inline (base64), or a blob that was uploaded before. In the names of the original protocol,
 * `attachmentId` or `url` (`/api/sessions/<sid>/blobs/<hash>`, also with an origin in front) names the blob.
 */
export const FrameAttachment = Type.Union([
  Type.Object({ name: Optional(Text), ...BlobRef.properties, filename: Optional(Text) }),
  Type.Object({ name: Optional(Text), mediaType: Text, data: Text, filename: Optional(Text) }),
  Type.Object({ ...GivenTexts, ...OriginalAttachmentFields, attachmentId: BlobRef.properties.blob }),
  Type.Object({ ...GivenTexts, ...OriginalAttachmentFields, url: Text }),
]);
export type FrameAttachment = Static<typeof FrameAttachment>;
export const isFrameAttachmentList = checker(Type.Array(FrameAttachment, { maxItems: 16 }));

export const MODES = ['owner', 'approve', 'collab', 'read'] as const;
export type ViewerMode = (typeof MODES)[number];

const frame = <T extends string, P extends Type.TProperties>(type: T, fields: P) =>
  Type.Object({ type: Type.Literal(type), ...fields });

/** The frames that a viewer may send. `resume` must be the first frame and may be sent only once. */
export const VIEWER_UP = {
  resume: frame('resume', {
    after: Optional(Seq),
    tail: Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    /**
     * The `log` of the `hello` frame in which `after` was valid. The offsets of another log are not valid in this log.
     */
    log: Optional(Text),
  }),
  input: frame('input', {
    ref: Ref,
    text: Text,
    attachments: Optional(Type.Array(FrameAttachment, { maxItems: 16 })),
    deliverAs: Optional(Type.Enum([...DELIVER_AS])),
    key: Key,
    ...Trace,
  }),
  command: frame('command', {
    ref: Ref,
    name: Text,
    args: Optional(Type.Record(Text, Type.Unknown())),
    key: Key,
    ...Trace,
  }),
  /**
   * Whether the page of this session is visible and focused. The gateway assumes false until the first frame. No
   * notification is sent about a session that its reader can see.
   */
  visible: frame('visible', { visible: Type.Boolean() }),
  ping: frame('ping', {}),
} as const;

/** A person who is connected to a session. */
export const Presence = Type.Object({
  id: Text,
  userId: Text,
  mode: Type.Enum([...MODES]),
  name: Optional(Text),
  /** Only for a guest: the guest is signed in, and `name` is the name of the account. */
  signedIn: Optional(Type.Literal(true)),
});
export type Presence = Static<typeof Presence>;
export const isPresenceList = checker(Type.Array(Presence));

/** The frames that the gateway sends to a viewer. `event` and `delta` carry bytes that the gateway has not decoded. */
export const VIEWER_DOWN = {
  hello: frame('hello', {
    protocol: Type.Literal(1),
    sessionId: Text,
    mode: Type.Enum([...MODES]),
    session: SessionInfo,
    meta: SessionMetaState,
    /**
     * The current last offset of this session, and the first offset that is still stored. Both are 0 when no event is
     * stored.
     */
    head: Seq,
    first: Seq,
    /** Identity of the log. It changes when the backbone is set up anew. */
    log: Optional(Text),
    /** The gateway reads `key` in `input` and `command`. A gateway of an earlier version ignores it. */
    keys: Optional(Type.Boolean()),
    /** The viewer is a guest who may read the files of the session's folder. */
    files: Optional(Type.Boolean()),
  }),
  event: frame('event', { seq: Seq, event: Type.Unknown() }),
  delta: frame('delta', { delta: Type.Unknown() }),
  partial: frame('partial', { partial: SessionPartial }),
  live: frame('live', { seq: Seq }),
  reset: frame('reset', { reason: Type.Enum(['expired', 'future', 'identity']), first: Seq }),
  presence: frame('presence', { viewers: Type.Array(Presence) }),
  host: frame('host', { state: Type.Enum(['connected', 'lost']) }),
  ack: frame('ack', { ref: Text, commandId: Type.String({ pattern: ID_PATTERN }) }),
  /** `commandId`: the command may be stored all the same (code `unconfirmed`). */
  error: frame('error', {
    ref: Optional(Text),
    code: Text,
    message: Text,
    commandId: Optional(Type.String({ pattern: ID_PATTERN })),
  }),
  pong: frame('pong', {}),
} as const;

export const HUB_UP = {
  subscribe_session_meta: frame('subscribe_session_meta', { sessionId: Type.String({ pattern: ID_PATTERN }) }),
  unsubscribe_session_meta: frame('unsubscribe_session_meta', { sessionId: Type.String({ pattern: ID_PATTERN }) }),
  ping: frame('ping', {}),
} as const;

export const HUB_DOWN = {
  /** The first page of the list. `cursor` leads to the next one (`GET /api/sessions`); without it this is the whole list. */
  sessions: frame('sessions', { sessions: Type.Array(SessionInfo), cursor: Optional(Text) }),
  session_added: frame('session_added', { session: SessionInfo }),
  session_status: frame('session_status', { session: SessionInfo }),
  session_removed: frame('session_removed', { sessionId: Text }),
  state_snapshot: frame('state_snapshot', { sessionId: Text, state: SessionMetaState }),
  meta_event: frame('meta_event', { sessionId: Text, version: Type.Number(), event: Type.Unknown() }),
  error: VIEWER_DOWN.error,
  pong: VIEWER_DOWN.pong,
} as const;

export const RUNNERS_UP = { ping: frame('ping', {}) } as const;

export const RUNNERS_DOWN = {
  runners: frame('runners', { runners: Type.Array(RunnerInfo) }),
  runner_added: frame('runner_added', { runner: RunnerInfo }),
  runner_updated: frame('runner_updated', { runner: RunnerInfo }),
  runner_removed: frame('runner_removed', { runnerId: Text }),
  error: VIEWER_DOWN.error,
  pong: VIEWER_DOWN.pong,
} as const;

type FrameOf<T extends Record<string, Type.TSchema>> = { [K in keyof T]: Static<T[K]> }[keyof T];
export type ViewerUpFrame = FrameOf<typeof VIEWER_UP>;
export type ViewerDownFrame = FrameOf<typeof VIEWER_DOWN>;
export type HubUpFrame = FrameOf<typeof HUB_UP>;
export type HubDownFrame = FrameOf<typeof HUB_DOWN>;
export type RunnersUpFrame = FrameOf<typeof RUNNERS_UP>;
export type RunnersDownFrame = FrameOf<typeof RUNNERS_DOWN>;

/** A received frame, or what is wrong with it (code `bad_frame`). */
export type ParsedFrame<F> = { kind: 'frame'; frame: F } | { kind: 'invalid'; ref?: string; error: ErrorInfo };

/** Returns a reader of the frames of one kind of WebSocket. */
export function frameParser<F>(schemas: Readonly<Record<string, Type.TSchema>>): (value: unknown) => ParsedFrame<F> {
  const checkers = new Map(Object.entries(schemas).map(([type, schema]) => [type, checker(schema)]));
  return (value) => {
    if (!isMap(value)) return { kind: 'invalid', error: errorInfo('bad_frame', 'The frame is not a map') };
    const ref = typeof value['ref'] === 'string' ? { ref: value['ref'].slice(0, 64) } : {};
    const type = String(value['type']).slice(0, 64);
    const check = checkers.get(type);
    if (check === undefined) {
      return { kind: 'invalid', ...ref, error: errorInfo('bad_frame', `Unknown frame type "${type}"`) };
    }
    const problem = check.problem(value);
    if (problem !== undefined) return { kind: 'invalid', ...ref, error: errorInfo('bad_frame', `${type}: ${problem}`) };
    return { kind: 'frame', frame: value as F };
  };
}

export const parseViewerUp = frameParser<ViewerUpFrame>(VIEWER_UP);
export const parseHubUp = frameParser<HubUpFrame>(HUB_UP);
export const parseRunnersUp = frameParser<RunnersUpFrame>(RUNNERS_UP);
