import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { GoalRequest } from './modes.js';

/** Limits of the pi options of a new session, in characters unless stated otherwise. */
export const PI_OPTION_LIMITS = {
  /** The number of tool names. */
  tools: 100,
  toolName: 128,
  /** The length of each system prompt. */
  prompt: 64 * 1024,
  /** The number of approval rules, the length of each text in a rule, and the length of all rules together. */
  approvalRules: 200,
  approvalRule: 4 * 1024,
  approvals: 64 * 1024,
} as const;

const Optional = Type.Optional;
const Yes = Optional(Type.Boolean());
const Prompt = Optional(Type.String({ maxLength: PI_OPTION_LIMITS.prompt }));

const RuleText = Type.String({ maxLength: PI_OPTION_LIMITS.approvalRule });

/**
 * The actions for which the agent needs an approval, in addition to the rules of the runner and the person. Those rules
 * may be stricter. A session passes these to its child sessions.
 */
export const ApprovalLimits = Type.Object(
  {
    /** Actions that change something need an approval. */
    mode: Optional(Type.Literal('ask')),
    /** The session starts in plan mode. */
    planMode: Optional(Type.Literal(true)),
    /** The rule for a tool, for one command of bash (its words, the last of which may be `*`), or for one script. */
    rules: Optional(
      Type.Array(
        Type.Object(
          {
            tool: RuleText,
            command: Optional(RuleText),
            script: Optional(RuleText),
            decision: Type.Enum(['ask', 'allow', 'deny']),
          },
          { additionalProperties: false },
        ),
        { maxItems: PI_OPTION_LIMITS.approvalRules },
      ),
    ),
  },
  { additionalProperties: false },
);
export type ApprovalLimits = Static<typeof ApprovalLimits>;

/**
 * The options of pi for a session that starts on a runner: pi's flags of the same names, as far as they apply there.
 * The runner stores them: a woken session and a fork have the same options. Unlike other schemas this one is closed,
 * because a runner would silently ignore an option that it does not know.
 */
export const PiOptions = Type.Object(
  {
    /** The only available tools: pi's own and those of extensions, including PizzaPi's. */
    tools: Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: PI_OPTION_LIMITS.toolName }), {
        minItems: 1,
        maxItems: PI_OPTION_LIMITS.tools,
      }),
    ),
    /** No tools at all. */
    noTools: Yes,
    /** Disables pi's own tools; those of extensions stay. */
    noBuiltinTools: Yes,
    /** Texts, never paths, because a path does not say on which machine it is. */
    systemPrompt: Prompt,
    appendSystemPrompt: Prompt,
    /** Disables the person's extensions; PizzaPi's own extensions stay. */
    noExtensions: Yes,
    noSkills: Yes,
    noPromptTemplates: Yes,
    /** Ignores AGENTS.md and CLAUDE.md. */
    noContextFiles: Yes,
    /** Loads what the folder has of its own, for this session. Only a person can give it: a child session has it not. */
    approve: Yes,
    /** Leaves out what the folder has of its own, for this session. */
    noApprove: Yes,
    /** Not a flag of pi: it applies to what people and the agent do together. */
    approvals: Optional(ApprovalLimits),
    /** The goal with which the session begins. */
    goal: Optional(GoalRequest),
  },
  { additionalProperties: false },
);
export type PiOptions = Static<typeof PiOptions>;

/**
 * Returns the part of the options that restricts the agent, which also applies to child sessions. Returns undefined
 * when nothing restricts it.
 */
export function toolLimits({
  tools,
  noTools,
  noBuiltinTools,
  noExtensions,
  noApprove,
}: PiOptions): PiOptions | undefined {
  const limits = Object.entries({ tools, noTools, noBuiltinTools, noExtensions, noApprove }).filter(
    ([, set]) => set !== undefined,
  );
  return limits.length === 0 ? undefined : Object.fromEntries(limits);
}

/** Returns the options without what only a person can give. An agent starts its child sessions with the rest. */
export function childOptions({ approve: _approve, ...pi }: PiOptions): PiOptions {
  return pi;
}

/** Returns true when this version can apply all the options. */
export const isPiOptions = checker(PiOptions);
