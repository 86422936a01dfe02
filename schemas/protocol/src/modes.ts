import Type, { type Static } from 'typebox';

/** What the agent does before a call that changes something: `ask` requests approval, `allow` does not. */
export const APPROVAL_MODES = ['ask', 'allow'] as const;
export type ApprovalMode = (typeof APPROVAL_MODES)[number];

/** The modes of a session that are on; a list shows them as badges. */
export const SESSION_MODES = ['plan', 'approvals', 'goal'] as const;
export type SessionMode = (typeof SESSION_MODES)[number];

/** What each mode is called in a status line. */
export const MODE_LABELS: Readonly<Record<SessionMode, string>> = {
  plan: 'plan mode',
  approvals: 'asks for approval',
  goal: 'goal',
};

/** The longest description of a goal, in characters. */
export const MAX_GOAL_LENGTH = 4_000;

const Above0 = Type.Optional(Type.Number({ exclusiveMinimum: 0 }));

/** A goal that a person sets: what is to be reached, and the limits at which the agent stops. */
export const GoalRequest = Type.Object(
  {
    description: Type.String({ minLength: 1, maxLength: MAX_GOAL_LENGTH }),
    maxTurns: Above0,
    maxTokens: Above0,
    /** USD. */
    maxCost: Above0,
  },
  { additionalProperties: false },
);
export type GoalRequest = Static<typeof GoalRequest>;

/** The meta events that this project added to those of the original protocol. */
export const ADDED_META_EVENT_FIELDS = {
  /** How the agent asks for approvals from now on. Each process of a session states it when it begins. */
  approvals_changed: { mode: Type.Enum([...APPROVAL_MODES]) },
} as const;
