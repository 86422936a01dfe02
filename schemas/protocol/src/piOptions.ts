import Type, { type Static } from 'typebox';
import { checker } from './check.js';

/** Bounds of what a session's start may bring along for pi, in characters where not said otherwise. */
export const PI_OPTION_LIMITS = {
  /** Names of tools. */
  tools: 100,
  toolName: 128,
  /** Of each system prompt. */
  prompt: 64 * 1024,
  /** Rules about approvals, of each text in one, and of all of them together. */
  approvalRules: 200,
  approvalRule: 4 * 1024,
  approvals: 64 * 1024,
} as const;

const Optional = Type.Optional;
const Yes = Optional(Type.Boolean());
const Prompt = Optional(Type.String({ maxLength: PI_OPTION_LIMITS.prompt }));

const RuleText = Type.String({ maxLength: PI_OPTION_LIMITS.approvalRule });

/**
 * What the agent may not do without an approval, whatever the runner and the person's own rules say: they may be
 * stricter. A session hands it to the sessions that it starts.
 */
export const ApprovalLimits = Type.Object(
  {
    /** What changes something needs an approval. */
    mode: Optional(Type.Literal('ask')),
    /** The session begins in plan mode. */
    planMode: Optional(Type.Literal(true)),
    /** What holds of a tool, of one command of bash (its words, the last perhaps `*`), or of one script. */
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
 * What pi is told when a session starts on a runner: pi's own flags of these names, as far as they mean something there.
 * The runner keeps them: a session that is woken again, and a fork of it, have the same. Closed, other than the rest of
 * the wire: an option that a runner does not know would otherwise be left out without a word.
 */
export const PiOptions = Type.Object(
  {
    /** The only tools there are: pi's own and those of extensions, ours among them. */
    tools: Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: PI_OPTION_LIMITS.toolName }), {
        minItems: 1,
        maxItems: PI_OPTION_LIMITS.tools,
      }),
    ),
    /** No tools at all. */
    noTools: Yes,
    /** None of pi's own, those of extensions stay. */
    noBuiltinTools: Yes,
    /** Texts, never paths: whose machine a path would be on is anybody's guess. */
    systemPrompt: Prompt,
    appendSystemPrompt: Prompt,
    /** The person's extensions are not loaded; what PizzaPi itself adds is. */
    noExtensions: Yes,
    noSkills: Yes,
    noPromptTemplates: Yes,
    /** AGENTS.md and CLAUDE.md are not read. */
    noContextFiles: Yes,
    /** No flag of pi: it holds of what people and agent do together. */
    approvals: Optional(ApprovalLimits),
  },
  { additionalProperties: false },
);
export type PiOptions = Static<typeof PiOptions>;

/** The part of the options that takes something away from the agent, or undefined: what holds for its children too. */
export function toolLimits({ tools, noTools, noBuiltinTools, noExtensions }: PiOptions): PiOptions | undefined {
  const limits = Object.entries({ tools, noTools, noBuiltinTools, noExtensions }).filter(
    ([, set]) => set !== undefined,
  );
  return limits.length === 0 ? undefined : Object.fromEntries(limits);
}

/** True for options that this version can apply, all of them. */
export const isPiOptions = checker(PiOptions);
