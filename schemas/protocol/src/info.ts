import Type, { type Static } from 'typebox';
import { SHARE_MODES } from './accounts.js';
import { END_REASONS } from './events.js';
import { GuestRefs } from './guests.js';
import { APPROVAL_MODES, SESSION_MODES } from './modes.js';
import { ModelInfo } from './modelInfo.js';
import { RunnerPi, SessionPi } from './piInfo.js';
import { RunnerRights } from './runnerRpc/rights.js';

export const SESSION_STATES = ['idle', 'working', 'waiting', 'ended'] as const;

/** The entry of a session in a list. Everything except `host` is folded from the session's log. */
export const SessionInfo = Type.Object({
  sessionId: Type.String(),
  name: Type.String(),
  cwd: Type.String(),
  /**
   * `provider/id`, or its parts, null when none is known. The log and the buckets hold the text; readers accept both, so
   * that a gateway of a later version may send the parts.
   */
  model: Type.Union([Type.String(), ModelInfo, Type.Null()]),
  runnerId: Type.String(),
  userId: Type.String(),
  /**
   * `waiting`: a dialog, question, plan or approval is open. The state does not show whether a worker runs; `host`
   * does.
   */
  state: Type.Enum([...SESSION_STATES]),
  /** Set by the gateway from the leases: `lost` while the session has no lease and has not ended. */
  host: Type.Optional(Type.Enum(['connected', 'lost'])),
  epoch: Type.Number(),
  piVersion: Type.String(),
  /** The pi that the session runs on. Missing: its host is of an earlier version. */
  pi: Type.Optional(SessionPi),
  /** ms since epoch. */
  startedAt: Type.Number(),
  lastActivityAt: Type.Number(),
  endedAt: Type.Optional(Type.Number()),
  endReason: Type.Optional(Type.Enum([...END_REASONS])),
  parentSessionId: Type.Optional(Type.String()),
  /** The guests of the parent session in whose turn this session was started. */
  startedBy: Type.Optional(GuestRefs),
  /** The guests whose inputs the agent works on or has queued. */
  guestsAtWork: Type.Optional(GuestRefs),
  forkedFrom: Type.Optional(Type.Object({ sessionId: Type.String(), seq: Type.Number() })),
  /** The first input, shortened. A list shows it when the session has no name. */
  firstPrompt: Type.Optional(Type.String()),
  /** The number of finished messages. */
  messages: Type.Number(),
  /** Whether the agent is busy. Also true while the agent waits for a person. */
  busy: Type.Boolean(),
  /** The host was stopped while the agent worked, and the agent has not begun again. */
  interrupted: Type.Optional(Type.Boolean()),
  /** Ids of the dialogs, questions, plans and approvals that are open. */
  waiting: Type.Array(Type.String()),
  /** USD so far. */
  cost: Type.Number(),
  /** The modes that are on. Missing: none. */
  modes: Type.Optional(Type.Array(Type.Enum([...SESSION_MODES]))),
  /**
   * Set by the gateway in the list of an account that does not own the session: its owner has shared it with the
   * account. `shareId` is the id of the share, `by` the name of the owner.
   */
  shared: Type.Optional(Type.Object({ shareId: Type.String(), by: Type.String(), mode: Type.Enum([...SHARE_MODES]) })),
  /** The names that readers of the original protocol know. Set by the gateway in answers over HTTP. */
  shareUrl: Type.Optional(Type.String()),
  sessionName: Type.Optional(Type.String()),
  isEphemeral: Type.Optional(Type.Boolean()),
  isActive: Type.Optional(Type.Boolean()),
  lastHeartbeatAt: Type.Optional(Type.Number()),
  modelInfo: Type.Optional(Type.Union([ModelInfo, Type.Null()])),
  runnerName: Type.Optional(Type.String()),
});
export type SessionInfo = Static<typeof SessionInfo>;

/** A model that a runner can use. */
export const RunnerModel = Type.Object({
  /** `provider/id` */
  model: Type.String(),
  name: Type.String(),
  /** Whether the runner has a key for it. */
  available: Type.Boolean(),
  reasoning: Type.Boolean(),
  images: Type.Boolean(),
  contextWindow: Type.Number(),
});
export type RunnerModel = Static<typeof RunnerModel>;

/** The entry of a runner in a list. Everything except `online` is folded from `runner.<rid>.events`. */
export const RunnerInfo = Type.Object({
  runnerId: Type.String(),
  name: Type.String(),
  kind: Type.Enum(['daemon', 'tui']),
  version: Type.String(),
  /** The version of the wire that it speaks. Missing: 1. */
  wire: Type.Optional(Type.Integer()),
  piVersion: Type.String(),
  /** The pi that its sessions run on. Missing: the runner is of an earlier version. */
  pi: Type.Optional(RunnerPi),
  platform: Type.String(),
  /** Folders in which sessions may start, as real paths; the first is the default. */
  roots: Type.Array(Type.String()),
  models: Type.Array(RunnerModel),
  defaultModel: Type.String(),
  maxSessions: Type.Number(),
  /** The sessions that the runner hosts now. */
  sessions: Type.Array(Type.String()),
  /** Recently used folders, latest first. */
  recentFolders: Type.Array(Type.String()),
  warnings: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), at: Type.Number() })),
  services: Type.Array(Type.String()),
  startedAt: Type.Number(),
  stoppedAt: Type.Optional(Type.Number()),
  /** How its sessions begin. Missing: they have no modes that a person can change. */
  approvals: Type.Optional(Type.Enum([...APPROVAL_MODES])),
  /** What its token lets people do on the host. Missing: everything. */
  allow: Type.Optional(RunnerRights),
  /** The version of its git. Missing: it makes no work trees. */
  git: Type.Optional(Type.String()),
  /** Set by the gateway from the leases. */
  online: Type.Optional(Type.Boolean()),
  /** The names that readers of the original protocol know. Set by the gateway in answers over HTTP. */
  sessionCount: Type.Optional(Type.Integer()),
  serviceIds: Type.Optional(Type.Array(Type.String())),
});
export type RunnerInfo = Static<typeof RunnerInfo>;
