import Type, { type Static } from 'typebox';
import { DELIVER_AS, THINKING_LEVELS } from './commands.js';
import { FrameAttachment } from './frames.js';
import { ID_PATTERN } from './ids.js';
import { RunnerInfo, SESSION_STATES, SessionInfo } from './info.js';
import { SessionMetaState } from './meta.js';
import { BlobRef } from './messages.js';
import { ModelInfo } from './modelInfo.js';
import { GoalRequest } from './modes.js';
import { PiOptions } from './piOptions.js';
import { NewWorktree } from './runnerRpc/gitShapes.js';

/** The bodies of the HTTP API. The body of every error is `ErrorBody`. */
const Optional = Type.Optional;
const Text = Type.String();

export const ErrorBody = Type.Object({
  /** `commandId`: the command may be stored all the same (code `unconfirmed`). */
  error: Type.Object({
    code: Text,
    message: Text,
    commandId: Type.Optional(Text),
    /** What a program needs to go on; the document of the request says what is in it. */
    details: Type.Optional(Type.Unknown()),
  }),
});

/** `POST /api/auth/link`: the page exchanges the one-time sign-in link. */
export const LinkBody = Type.Object({ token: Type.String({ minLength: 1, maxLength: 256 }) });

/** `POST /api/sessions`; `POST /ws/sessions` accepts `runner_id` too. */
export const NewSessionBody = Type.Object({
  runnerId: Optional(Text),
  runner_id: Optional(Text),
  cwd: Optional(Text),
  prompt: Optional(Text),
  /** `provider/id`, or its two parts. */
  model: Optional(Type.Union([Text, ModelInfo])),
  name: Optional(Type.String({ maxLength: 200 })),
  thinkingLevel: Optional(Type.Enum([...THINKING_LEVELS])),
  resumedFrom: Optional(Text),
  salvage: Optional(Type.Boolean()),
  attachments: Optional(Type.Array(FrameAttachment, { maxItems: 16 })),
  pi: Optional(PiOptions),
  /** The agent asks for approval before each call that changes something. Same as `pi.approvals.mode`. */
  approvals: Optional(Type.Literal('ask')),
  /** The session begins in plan mode. Same as `pi.approvals.planMode`. */
  planMode: Optional(Type.Boolean()),
  /** The goal of the session. It is also the first input when there is no `prompt`. */
  goal: Optional(GoalRequest),
  /** A branch and a work tree of its own, of the repository that `cwd` is in. `{}`: with a name that the runner chooses. */
  worktree: Optional(NewWorktree),
});

/** 201, or 202 while the runner has not replied. */
export const NewSessionReply = Type.Object({ sessionId: Text, runnerId: Text, shareUrl: Text });

/** `POST /api/sessions/:sid/input` */
export const InputBody = Type.Object({
  text: Text,
  deliverAs: Optional(Type.Enum([...DELIVER_AS])),
  attachments: Optional(Type.Array(FrameAttachment, { maxItems: 16 })),
});

/** `POST /api/sessions/:sid/blobs`: the file as an attachment of an input. `attachmentId` is the blob, `url` its address. */
export const UploadReply = Type.Object({ ...BlobRef.properties, attachmentId: Text, url: Text });
export type UploadReply = Static<typeof UploadReply>;

/** `POST /api/sessions/:sid/commands` */
export const CommandBody = Type.Object({ name: Text, args: Optional(Type.Record(Text, Type.Unknown())) });

export const CommandReply = Type.Object({ commandId: Text });

export const SessionParams = Type.Object({ sid: Type.String({ pattern: ID_PATTERN }) });
export const RunnerParams = Type.Object({ rid: Type.String({ pattern: ID_PATTERN }) });

/** `GET /api/sessions/:sid/events`: at most `limit` events after `after`, or the last ones before `before`. */
export const EventsQuery = Type.Object({
  after: Optional(Type.Integer({ minimum: 0 })),
  before: Optional(Type.Integer({ minimum: 1 })),
  limit: Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
});

/** How many sessions a page of the list has when its request names no number, and at most. */
export const SESSIONS_PAGE = 100;
export const MAX_SESSIONS_PAGE = 500;
/** The longest text that a query takes. */
export const MAX_QUERY_CHARS = 200;

/**
 * `GET /api/sessions`: a page of the sessions that the caller has in the list, the latest active first. `cursor` is from the
 * reply before. `state` is a state of a session or `live` for all that have not ended, `runner` a runner's id, and `q` a
 * text that the name or title, the first prompt, the folder, the model or the id contains, without regard to case. The first page without a
 * filter also has the sessions that work or wait for a person: it can have more than `limit`.
 */
export const SessionsQuery = Type.Object({
  limit: Optional(Type.Integer({ minimum: 1, maximum: MAX_SESSIONS_PAGE })),
  cursor: Optional(Type.String({ minLength: 1, maxLength: 512 })),
  state: Optional(Type.Enum([...SESSION_STATES, 'live'])),
  runner: Optional(Type.String({ pattern: ID_PATTERN })),
  q: Optional(Type.String({ minLength: 1, maxLength: MAX_QUERY_CHARS })),
});
export type SessionsQuery = Static<typeof SessionsQuery>;

/** Without `cursor` it is the last page. */
export const SessionsReply = Type.Object({ sessions: Type.Array(SessionInfo), cursor: Optional(Text) });
export type SessionsReply = Static<typeof SessionsReply>;
export const SessionReply = Type.Object({
  session: SessionInfo,
  meta: SessionMetaState,
  head: Type.Number(),
  first: Type.Number(),
});
export const RunnersReply = Type.Object({ runners: Type.Array(RunnerInfo) });
export const RunnerReply = Type.Object({ runner: RunnerInfo });
/** `tokenRevoked` is false when other runners of the account use the same token. */
export const ForgetRunnerReply = Type.Object({ runnerId: Type.String(), tokenRevoked: Type.Boolean() });
export type ForgetRunnerReply = Static<typeof ForgetRunnerReply>;
/**
 * `POST /api/runners/:rid/files/tickets`: `ticket` in the query of `GET /api/runners/:rid/files` lets a browser download that
 * file by the address alone.
 */
export const DownloadTicketReply = Type.Object({ ticket: Text, expiresAt: Type.Number() });
export type DownloadTicketReply = Static<typeof DownloadTicketReply>;
export const MetaReply = Type.Object({ state: SessionMetaState, lastSeq: Type.Number() });

/** The stored bytes and their limits; a limit of 0 means no limit. `…_of_relay`: of all accounts, for admins. */
export const StorageUseInfo = Type.Object({
  of: Type.Enum(['account', 'session', 'link', 'log_of_relay', 'files_of_relay']),
  used: Type.Number(),
  limit: Type.Number(),
});
/**
 * `GET /api/sessions/:sid/usage`: the limits that apply to the caller. A guest does not receive the account's limits.
 */
export const SessionUsageReply = Type.Object({ uses: Type.Array(StorageUseInfo) });
/**
 * `GET /api/usage`: what the account stores, and its largest sessions. An admin also receives the use of the whole
 * gateway.
 */
export const UsageReply = Type.Object({
  uses: Type.Array(StorageUseInfo),
  sessions: Type.Array(
    Type.Object({ sessionId: Text, name: Text, files: Type.Number(), log: Type.Number(), limit: Type.Number() }),
  ),
});

export type StorageUseInfo = Static<typeof StorageUseInfo>;
export type SessionUsageReply = Static<typeof SessionUsageReply>;
export type UsageReply = Static<typeof UsageReply>;
export type NewSessionBody = Static<typeof NewSessionBody>;
export type NewSessionReply = Static<typeof NewSessionReply>;
export type InputBody = Static<typeof InputBody>;
export type CommandBody = Static<typeof CommandBody>;
export type CommandReply = Static<typeof CommandReply>;
export type EventsQuery = Static<typeof EventsQuery>;
export type SessionReply = Static<typeof SessionReply>;
