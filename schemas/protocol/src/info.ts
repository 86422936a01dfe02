import Type, { type Static } from 'typebox';
import { END_REASONS } from './events.js';
import { GuestRefs } from './guests.js';

/** What a list shows of a session. Everything but `host` is folded from the session's log. */
export const SessionInfo = Type.Object({
  sessionId: Type.String(),
  name: Type.String(),
  cwd: Type.String(),
  /** `provider/id` */
  model: Type.String(),
  runnerId: Type.String(),
  userId: Type.String(),
  /** `waiting`: a dialog, question, plan or approval is open. Whether the host is there is `host`'s to say. */
  state: Type.Enum(['idle', 'working', 'waiting', 'ended']),
  /** Filled by the gateway from the leases: `lost` while the session's lease is gone and the session is not over. */
  host: Type.Optional(Type.Enum(['connected', 'lost'])),
  epoch: Type.Number(),
  piVersion: Type.String(),
  /** ms since epoch. */
  startedAt: Type.Number(),
  lastActivityAt: Type.Number(),
  endedAt: Type.Optional(Type.Number()),
  endReason: Type.Optional(Type.Enum([...END_REASONS])),
  parentSessionId: Type.Optional(Type.String()),
  /** The guests of its parent in whose turn it was started. */
  startedBy: Type.Optional(GuestRefs),
  /** The guests whose words its agent works on or has waiting now. */
  guestsAtWork: Type.Optional(GuestRefs),
  forkedFrom: Type.Optional(Type.Object({ sessionId: Type.String(), seq: Type.Number() })),
  /** The first prompt, shortened: what a list shows when there is no name. */
  firstPrompt: Type.Optional(Type.String()),
  /** Messages finished so far. */
  messages: Type.Number(),
  /** Whether the agent is at work, also while it waits for a person. */
  busy: Type.Boolean(),
  /** Ids of the dialogs, questions, plans and approvals that wait for a person. */
  waiting: Type.Array(Type.String()),
  /** USD so far. */
  cost: Type.Number(),
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

/** What a list shows of a runner. Everything but `online` is folded from `runner.<rid>.events`. */
export const RunnerInfo = Type.Object({
  runnerId: Type.String(),
  name: Type.String(),
  kind: Type.Enum(['daemon', 'tui']),
  version: Type.String(),
  piVersion: Type.String(),
  platform: Type.String(),
  /** Folders sessions may start in, real paths; the first is the default. */
  roots: Type.Array(Type.String()),
  models: Type.Array(RunnerModel),
  defaultModel: Type.String(),
  maxSessions: Type.Number(),
  /** Sessions that it hosts now. */
  sessions: Type.Array(Type.String()),
  /** Folders used lately, the latest first. */
  recentFolders: Type.Array(Type.String()),
  warnings: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), at: Type.Number() })),
  services: Type.Array(Type.String()),
  startedAt: Type.Number(),
  stoppedAt: Type.Optional(Type.Number()),
  /** Filled by the gateway from the leases. */
  online: Type.Optional(Type.Boolean()),
});
export type RunnerInfo = Static<typeof RunnerInfo>;
