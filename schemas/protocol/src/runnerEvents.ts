import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { ID_PATTERN } from './ids.js';
import { RunnerModel } from './info.js';
import { APPROVAL_MODES } from './modes.js';
import { RunnerPi } from './piInfo.js';
import { RUNNER_RESOURCE_FIELDS } from './runnerResources.js';
import { RunnerRights } from './runnerRpc/rights.js';

/** The events of a runner, on `runner.<rid>.events`. */
const Id = Type.String({ pattern: ID_PATTERN });
const Text = Type.String();

export const RUNNER_EVENT_FIELDS = {
  runner_started: {
    name: Text,
    kind: Type.Enum(['daemon', 'tui']),
    version: Text,
    /** The version of the wire that it speaks. Missing: 1. */
    wire: Type.Optional(Type.Integer()),
    piVersion: Text,
    /** The pi that its sessions run on. Runners of earlier versions do not state it. */
    pi: Type.Optional(RunnerPi),
    platform: Text,
    roots: Type.Array(Text),
    models: Type.Array(RunnerModel),
    defaultModel: Text,
    maxSessions: Type.Number(),
    epoch: Type.Number(),
    /** How its sessions begin. Missing: they have no modes that a person can change. */
    approvals: Type.Optional(Type.Enum([...APPROVAL_MODES])),
    /** What its token lets people do on the host. Missing: everything. */
    allow: Type.Optional(RunnerRights),
    /** The version of its git. Missing: it has none, or is of an earlier version; it makes no work trees. */
    git: Type.Optional(Text),
    ...RUNNER_RESOURCE_FIELDS,
  },
  /** The models changed, because a key or a custom model was added. */
  models_changed: { models: Type.Array(RunnerModel), defaultModel: Text },
  /** What pi loads in every session of the host, after it changed. The runner looks when it asks pi for its models. */
  resources_changed: { ...RUNNER_RESOURCE_FIELDS },
  /** New sessions run on another pi, because it was installed, updated or removed, or does not load. */
  pi_changed: { piVersion: Text, pi: RunnerPi },
  runner_stopped: { reason: Text },
  session_opened: { sessionId: Id, cwd: Text, adopted: Type.Boolean() },
  session_closed: { sessionId: Id, reason: Text },
  /** The recently used folders from now on, because a session was erased. The relay writes it, not the runner. */
  recent_folders_changed: { folders: Type.Array(Text) },
  runner_warning: { code: Text, message: Text },
  /** What the warnings with this code were about is over. */
  runner_warning_cleared: { code: Text },
  services_announced: { services: Type.Array(Text) },
  /** The result of a command that names no session. */
  command_result: {
    commandId: Id,
    ok: Type.Boolean(),
    name: Type.Optional(Text),
    result: Type.Optional(Type.Unknown()),
    error: Type.Optional(Type.Object({ code: Text, message: Text })),
  },
} as const;

export type RunnerEventType = keyof typeof RUNNER_EVENT_FIELDS;
type Fields<T extends RunnerEventType> = Static<Type.TObject<(typeof RUNNER_EVENT_FIELDS)[T]>>;
export type RunnerEvent = { [T in RunnerEventType]: { type: T; at: number } & Fields<T> }[RunnerEventType];

export const RUNNER_EVENT_SCHEMAS: Readonly<Record<string, Type.TObject>> = Object.fromEntries(
  Object.entries(RUNNER_EVENT_FIELDS).map(([type, fields]) => [
    type,
    Type.Object({ type: Type.Literal(type), at: Type.Number(), ...fields }),
  ]),
);

const checkers = new Map(Object.entries(RUNNER_EVENT_SCHEMAS).map(([type, schema]) => [type, checker(schema)]));

/** Returns true for a well-formed runner event of a known type. */
export function isRunnerEvent(value: unknown): value is RunnerEvent {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && (checkers.get(type)?.(value) ?? false);
}
