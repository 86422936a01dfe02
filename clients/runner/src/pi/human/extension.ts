import type { ExtensionContext, ExtensionFactory } from '@mariozechner/pi-coding-agent';
import type { ApprovalLimits, ApprovalMode, GoalRequest, MetaProviderUsage, SessionEvent } from '@pizzapi/protocol';
import { openPrompts } from '../../human/pending.js';
import type { QuestionInput } from '../../human/questions.js';
import { commandOf } from '../../human/tools.js';
import type { ReadOnlyCalls } from '../bashTap.js';
import type { PiModes } from '../types.js';
import { approvalGate } from './approvalGate.js';
import { PromptCoordinator, type PromptPort, type RemoteAnswerer, type PromptUi } from './promptCoordinator.js';
import { reopen, reported, storedEntries, type FeatureDeps, type Restoring } from './feature.js';
import { goalTool } from './goalTool.js';
import { planMode } from './planMode.js';
import { questionTool } from './questionTool.js';
import { reports } from './reports.js';
import { todoTool } from './todoTool.js';

export interface HumanOptions {
  /** An existing folder; what is remembered for it is kept in `agentDir`. */
  cwd: string;
  agentDir: string;
  /** Puts an event into the session's log. */
  emit: (event: SessionEvent) => void;
  /** Whether tools that change something need an approval; `allow` when left out, as in pi itself. */
  approvals?: ApprovalMode;
  /** What the session was started with: it holds besides that, and what a person decides here besides it. */
  limits?: ApprovalLimits | undefined;
  /** The goal with which a new session begins. */
  goal?: GoalRequest;
  /** Gets the calls of bash that may run because they only read. */
  readOnlyCalls: ReadOnlyCalls;
  /** See `DeskPort.expect`. */
  expect?: PromptPort['expect'];
  /** Delivers the answer to a prompt of an earlier process to the agent. pi's own call when left out. */
  deliverAnswer?: (text: string) => Promise<void>;
  /** The session that this one is linked to, if any. */
  link?: RemoteAnswerer;
  /** A provider reported what is left of its limits. */
  onProviderUsage?: (usage: MetaProviderUsage) => void;
}

type HumanCalls = Pick<HumanExtension, 'restore' | 'leave' | 'ask' | 'limitsFor' | 'modes'> & {
  hasPendingAnswer: () => boolean;
};
type StoryOf = Pick<ExtensionContext, 'sessionManager'>;

/** The extension and the calls of its host. The calls are optional: pi's own events are enough. */
export interface HumanExtension {
  factory: ExtensionFactory;
  /**
   * Brings back what an earlier process of this session kept, and opens its prompts again, before any extension has
   * started: an answer that is already on its way finds its prompt.
   */
  restore(story: StoryOf): void;
  /** The process ends, and another one may continue the session: prompts that wait stay open. */
  leave(): void;
  /** Asks people a question of a child session, by its trigger. The answer is passed to the linked session. */
  ask(forward: string, questions: QuestionInput[], isPlan: boolean): void;
  /**
   * What holds of a session that this one starts, and nothing where nothing does. `isHere`: it works in the same folder
   * of the same machine. Rejects when what was decided for the folder cannot be read, or is too much.
   */
  limitsFor(isHere: boolean): Promise<ApprovalLimits | undefined>;
  readonly modes: PiModes;
  /** Whether a prompt waits for a person. */
  readonly hasPendingAnswer: boolean;
}

/**
 * What people and the agent do together, as one extension of pi: questions (`ask_user_question`), the to-do list
 * (`todo`), plan mode (`/plan`, `plan_mode`), approvals (`/approvals`) and the goal (`/goal`, `goal`). It needs nothing
 * but pi's own `ctx.ui` to ask, keeps its state in pi's session file, and says everything as meta events.
 *
 * A prompt that waits outlives its process. The SDK cannot take up a tool call again, so the prompt is opened under
 * its old id, and the answer reaches the agent as a message that says what it answers.
 */
export function humanExtension(options: HumanOptions): HumanExtension {
  let current: HumanCalls | undefined;
  const factory: ExtensionFactory = (pi) => {
    const { emit, expect, link } = options;
    let sessionId = '';
    let startUi: (ui: PromptUi) => void = () => undefined;
    const ui = new Promise<PromptUi>((resolve) => (startUi = resolve));
    const prompts = new PromptCoordinator({
      emit,
      append: (customType, data) => pi.appendEntry(customType, data),
      sessionId: () => sessionId,
      ...(expect === undefined ? {} : { expect }),
      ...(link === undefined ? {} : { link }),
    });
    const deliverAnswer = async (text: string) => {
      if (options.deliverAnswer !== undefined) return options.deliverAnswer(text);
      await ui;
      pi.sendUserMessage(text, { deliverAs: 'followUp' });
    };
    const deps: FeatureDeps = { pi, prompts, emit, ui, deliverAnswer, link };
    const questions = questionTool(deps);
    const plans = planMode(deps, options.limits?.planMode === true);
    const goal = goalTool(deps, options.goal);
    const { cwd, agentDir, approvals = 'allow', limits, readOnlyCalls } = options;
    const onReadOnlyCall = (toolCallId: string) => void readOnlyCalls.add(toolCallId);
    const gate = approvalGate(deps, { cwd, agentDir, mode: approvals, limits, onReadOnlyCall });
    const features: Restoring[] = [todoTool(deps), plans, goal];
    reports(pi, emit, (usage) => options.onProviderUsage?.(usage));

    const restoreState = (story: StoryOf) => {
      sessionId = story.sessionManager.getSessionId();
      const entries = storedEntries(story.sessionManager.getBranch());
      for (const feature of features) feature.restore(entries, sessionId);
      return entries;
    };
    let isRestored = false;
    const restore = (story: StoryOf) => {
      if (isRestored) return;
      isRestored = true;
      const entries = restoreState(story);
      gate.restore(storedEntries(story.sessionManager.getEntries()), sessionId);
      const askers = { question: questions, plan: plans, approval: gate };
      for (const prompt of openPrompts(entries, sessionId)) reopen(prompt, askers, ui);
    };
    current = {
      restore,
      leave: () => prompts.leave(),
      ask: (forward, asked, isPlan) => reported(questions.ask(forward, asked, isPlan), ui),
      hasPendingAnswer: () => prompts.waits,
      modes: {
        setPlanMode: (enabled) => plans.set(enabled),
        setApprovals: (mode) => gate.setMode(mode),
        setGoal: (next) => goal.set(next),
      },
      limitsFor: async (isHere) => {
        const all = { ...(await gate.limitsFor(isHere)), ...(plans.isOn ? { planMode: true as const } : {}) };
        return Object.keys(all).length === 0 ? undefined : all;
      },
    };

    pi.on('session_start', (_event, ctx) => {
      restore(ctx);
      startUi(ctx.ui);
    });
    pi.on('session_tree', (_event, ctx) => void restoreState(ctx));
    pi.on('session_shutdown', () => {
      prompts.leave();
      prompts.close();
    });
    pi.on('before_agent_start', ({ systemPrompt }) => {
      const notes = [plans.prompt(), goal.prompt()].filter((note) => note !== undefined);
      return notes.length === 0 ? undefined : { systemPrompt: [systemPrompt, ...notes].join('\n\n') };
    });
    pi.on('tool_call', async ({ toolCallId, toolName, input }, ctx) => {
      const use = { tool: toolName, input: input as Record<string, unknown> };
      const reason = plans.problem(use) ?? (await gate.problem(toolCallId, use, ctx));
      if (reason !== undefined) return { block: true, reason };
      if (plans.isOn && commandOf(use) !== undefined) onReadOnlyCall(toolCallId);
      return undefined;
    });
  };
  return {
    factory,
    restore: (story) => current?.restore(story),
    leave: () => current?.leave(),
    ask: (forward, questions, isPlan) => current?.ask(forward, questions, isPlan),
    limitsFor: async (isHere) => current?.limitsFor(isHere),
    modes: {
      setPlanMode: (enabled) => current?.modes.setPlanMode(enabled),
      setApprovals: (mode) => current?.modes.setApprovals(mode),
      setGoal: (goal) => current?.modes.setGoal(goal),
    },
    get hasPendingAnswer() {
      return current?.hasPendingAnswer() ?? false;
    },
  };
}
