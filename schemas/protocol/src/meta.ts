import Type, { type Static } from 'typebox';
import { APPROVAL_MODES } from './modes.js';

/** The shapes inside `SessionMetaState` and the 19 meta events. Field names are those of the original protocol. */
const Nullable = <S extends Type.TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const MetaTodoItem = Type.Object({
  id: Type.Number(),
  text: Type.String(),
  status: Type.Union([
    Type.Literal('pending'),
    Type.Literal('in_progress'),
    Type.Literal('done'),
    Type.Literal('cancelled'),
  ]),
});

/**
 * Tokens and cost (USD) of the whole session. `contextTokens` of `contextWindow` tokens are in the context of the model
 * now.
 */
export const MetaTokenUsage = Type.Object({
  input: Type.Number(),
  output: Type.Number(),
  cacheRead: Type.Number(),
  cacheWrite: Type.Number(),
  cost: Type.Number(),
  contextTokens: Type.Optional(Nullable(Type.Number())),
  contextWindow: Type.Optional(Nullable(Type.Number())),
});

export const MetaProviderUsage = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()));

export const MetaModelInfo = Type.Object({
  provider: Type.String(),
  id: Type.String(),
  name: Type.Optional(Type.String()),
  reasoning: Type.Optional(Type.Boolean()),
  contextWindow: Type.Optional(Type.Number()),
  /**
   * The code of why the model cannot be used, such as `model_unknown` or `model_unauthenticated`. Inputs are refused with
   * it until a person chooses another model.
   */
  problem: Type.Optional(Type.String()),
});

export const MetaPendingQuestion = Type.Object({
  toolCallId: Type.String(),
  questions: Type.Array(
    Type.Object({
      question: Type.String(),
      options: Type.Array(Type.String()),
      type: Type.Optional(Type.String()),
    }),
  ),
  display: Type.Optional(Type.String()),
});

export const MetaPendingPlan = Type.Object({
  toolCallId: Type.String(),
  title: Type.String(),
  description: Type.Optional(Nullable(Type.String())),
  steps: Type.Optional(Type.Array(Type.Object({ title: Type.String(), description: Type.Optional(Type.String()) }))),
});

export const MetaRetryState = Type.Object({ errorMessage: Type.String(), detectedAt: Type.Number() });

export const MetaPluginTrustPrompt = Type.Object({
  promptId: Type.String(),
  pluginNames: Type.Array(Type.String()),
  pluginSummaries: Type.Array(Type.String()),
});

export const MetaPendingApproval = Type.Object({
  promptId: Type.String(),
  title: Type.String(),
  message: Type.Optional(Type.String()),
  toolName: Type.Optional(Type.String()),
  icon: Type.Optional(Type.String()),
  fields: Type.Optional(
    Type.Array(
      Type.Object({
        key: Type.String(),
        label: Type.String(),
        value: Type.String(),
        editable: Type.Optional(Type.Boolean()),
        multiline: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  actions: Type.Optional(
    Type.Array(
      Type.Object({
        id: Type.String(),
        label: Type.String(),
        style: Type.Optional(Type.Union([Type.Literal('primary'), Type.Literal('danger'), Type.Literal('default')])),
      }),
    ),
  ),
});

export const MetaMcpReport = Type.Object({
  slow: Type.Optional(Type.Boolean()),
  showSlowWarning: Type.Optional(Type.Boolean()),
  errors: Type.Optional(Type.Array(Type.Object({ server: Type.String(), error: Type.String() }))),
  serverTimings: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        durationMs: Type.Number(),
        toolCount: Type.Number(),
        timedOut: Type.Boolean(),
        error: Type.Optional(Type.String()),
      }),
    ),
  ),
  totalDurationMs: Type.Optional(Type.Number()),
  ts: Type.Optional(Type.Number()),
});

export const MetaGoalStatus = Type.Object({
  id: Type.String(),
  description: Type.String(),
  status: Type.Union([Type.Literal('active'), Type.Literal('met'), Type.Literal('failed'), Type.Literal('cancelled')]),
  turnCount: Type.Number(),
  maxTurns: Type.Optional(Type.Number()),
  tokenSpend: Type.Number(),
  maxTokens: Type.Optional(Type.Number()),
  costSpend: Type.Number(),
  maxCost: Type.Optional(Type.Number()),
  lastReason: Type.Optional(Type.String()),
});

/** The prompts and the status of a session, folded from its meta events. */
export const SessionMetaState = Type.Object({
  todoList: Type.Array(MetaTodoItem),
  pendingQuestion: Nullable(MetaPendingQuestion),
  pendingPlan: Nullable(MetaPendingPlan),
  planModeEnabled: Type.Boolean(),
  isCompacting: Type.Boolean(),
  retryState: Nullable(MetaRetryState),
  pendingPluginTrust: Nullable(MetaPluginTrustPrompt),
  pendingApproval: Nullable(MetaPendingApproval),
  mcpStartupReport: Nullable(MetaMcpReport),
  tokenUsage: Nullable(MetaTokenUsage),
  providerUsage: Nullable(MetaProviderUsage),
  thinkingLevel: Nullable(Type.String()),
  authSource: Nullable(Type.String()),
  model: Nullable(MetaModelInfo),
  goal: Nullable(MetaGoalStatus),
  /** Null or missing: the host of the session does not say. Then it takes no commands that change a mode either. */
  approvals: Type.Optional(Nullable(Type.Enum([...APPROVAL_MODES]))),
  /** The number of applied meta events. */
  version: Type.Number(),
});

/** The fields of each meta event, besides `type` and `at`. */
export const META_EVENT_FIELDS = {
  todo_updated: { todoList: Type.Array(MetaTodoItem) },
  question_pending: { question: MetaPendingQuestion },
  question_cleared: { toolCallId: Type.String() },
  plan_pending: { plan: MetaPendingPlan },
  plan_cleared: { toolCallId: Type.String() },
  plan_mode_toggled: { enabled: Type.Boolean() },
  compact_started: {},
  compact_ended: {},
  retry_state_changed: { state: Nullable(MetaRetryState) },
  plugin_trust_required: { prompt: MetaPluginTrustPrompt },
  plugin_trust_resolved: { promptId: Type.String() },
  approval_pending: { approval: MetaPendingApproval },
  approval_cleared: { promptId: Type.String() },
  mcp_startup_report: { report: MetaMcpReport, ts: Type.Optional(Type.Number()) },
  token_usage_updated: { tokenUsage: MetaTokenUsage, providerUsage: Type.Optional(MetaProviderUsage) },
  thinking_level_changed: { level: Nullable(Type.String()) },
  auth_source_changed: { source: Nullable(Type.String()) },
  model_changed: { model: Nullable(MetaModelInfo) },
  goal_updated: { goal: Nullable(MetaGoalStatus) },
} as const;

export type MetaTodoItem = Static<typeof MetaTodoItem>;
export type MetaTokenUsage = Static<typeof MetaTokenUsage>;
export type MetaProviderUsage = Static<typeof MetaProviderUsage>;
export type MetaModelInfo = Static<typeof MetaModelInfo>;
export type MetaPendingQuestion = Static<typeof MetaPendingQuestion>;
export type MetaPendingPlan = Static<typeof MetaPendingPlan>;
export type MetaRetryState = Static<typeof MetaRetryState>;
export type MetaPluginTrustPrompt = Static<typeof MetaPluginTrustPrompt>;
export type MetaPendingApproval = Static<typeof MetaPendingApproval>;
export type MetaMcpReport = Static<typeof MetaMcpReport>;
export type MetaGoalStatus = Static<typeof MetaGoalStatus>;
export type SessionMetaState = Static<typeof SessionMetaState>;
