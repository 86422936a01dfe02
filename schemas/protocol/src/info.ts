import Type, { type Static } from 'typebox';
import { SHARE_MODES } from './accounts.js';
import { END_REASONS } from './events.js';
import { GuestRefs } from './guests.js';
import { APPROVAL_MODES, SESSION_MODES } from './modes.js';
import { ModelInfo } from './modelInfo.js';
import { RunnerPi, SessionPi } from './piInfo.js';
import {
  RunnerAgent,
  RunnerHook,
  RunnerPanel,
  RunnerPlugin,
  RunnerSkill,
  RunnerTriggerDef,
} from './runnerResources.js';
import { RunnerRights } from './runnerRpc/rights.js';

export const SESSION_STATES = ['idle', 'working', 'waiting', 'ended'] as const;

/** The entry of a session in a list. Everything except `host` is folded from the session's log. */
export const SessionInfo = Type.Object({
  sessionId: Type.String(),
  name: Type.String(),
  cwd: Type.String(),
  /**
   * Its provider and its id, null when none is known: gateways send this form. The log and the buckets hold the text
   * `provider/id`, which a gateway of an earlier version sends too. `modelText` reads both.
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
  /** The names that readers of the original protocol know. Set by the gateway in answers and frames. */
  shareUrl: Type.Optional(Type.String()),
  sessionName: Type.Optional(Type.String()),
  isEphemeral: Type.Optional(Type.Boolean()),
  isActive: Type.Optional(Type.Boolean()),
  lastHeartbeatAt: Type.Optional(Type.Number()),
  /** Same as `model`, for readers of earlier versions. The next release leaves it out. */
  modelInfo: Type.Optional(Type.Union([ModelInfo, Type.Null()])),
  /** The name of its runner. Missing: the reader may not use the runner. */
  runnerName: Type.Optional(Type.String()),
  /** The viewers that were connected at all gateways when this was sent. A later change sends nothing. */
  viewerCount: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The name of its owner. Missing: the reader has no account with access to the session. */
  userName: Type.Optional(Type.String()),
  /** When the retention rules erase it, in ms since epoch. Missing: it has not ended, or no rule names a day. */
  expiresAt: Type.Optional(Type.Number()),
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
  /**
   * What pi loads in every session of the host. The gateway always sends both: empty for a host of an earlier version, and
   * for a terminal. Nothing in this product or in pi reads definitions of agents yet, so a host announces no agents.
   */
  skills: Type.Optional(Type.Array(RunnerSkill)),
  agents: Type.Optional(Type.Array(RunnerAgent)),
  /** The extensions of pi, and the packages they come from. Missing: the host does not announce them. */
  plugins: Type.Optional(Type.Array(RunnerPlugin)),
  /** Which events the extensions handle. Only running an extension tells that, so no host announces it. */
  hooks: Type.Optional(Type.Array(RunnerHook)),
  /** Panels and triggers of the services of a host. No host announces them yet. */
  panels: Type.Optional(Type.Array(RunnerPanel)),
  triggerDefs: Type.Optional(Type.Array(RunnerTriggerDef)),
  /** The names that readers of the original protocol know. Set by the gateway in answers and frames. */
  sessionCount: Type.Optional(Type.Integer()),
  serviceIds: Type.Optional(Type.Array(Type.String())),
});
export type RunnerInfo = Static<typeof RunnerInfo>;
