import { isMap, planText } from '@pizzapi/protocol';
import Type from 'typebox';
import { promptId, type PromptOf } from '../../human/pending.js';
import {
  isApproved,
  lateVerdictText,
  PLAN_CHOICES,
  PLAN_MODE_PROMPT,
  planModeProblem,
  readVerdict,
  verdictText,
  type PlanVerdict,
} from '../../human/plans.js';
import type { ToolUse } from '../../human/tools.js';
import { hasOwnBash } from '../bashTap.js';
import type { PromptRequest } from './promptCoordinator.js';
import { lastKept, LEFT, says, type PromptFeature, type FeatureDeps, type Restoring } from './feature.js';
import { stringEnum } from './stringEnum.js';
import { inWords } from '../terminal/toolWording.js';
import { onlyMakesCalls } from '../versions/builtInExtensions.js';

const ENTRY = 'pizzapi.plan-mode';
const MAX_STEPS = 100;

const Parameters = Type.Object({
  action: stringEnum(['enter', 'submit'], {
    description: '"enter" begins to plan: nothing can be changed until a plan is approved. "submit" asks for approval',
  }),
  title: Type.Optional(Type.String({ description: 'Of the plan, in a few words' })),
  description: Type.Optional(Type.String({ description: 'What is to be reached, and how' })),
  steps: Type.Optional(
    Type.Array(Type.Object({ title: Type.String({ minLength: 1 }), description: Type.Optional(Type.String()) }), {
      maxItems: MAX_STEPS,
    }),
  ),
});

function asking(prompt: PromptOf<'plan'>, signal?: AbortSignal): PromptRequest<PlanVerdict> {
  const { plan } = prompt;
  return {
    prompt,
    signal,
    read: readVerdict,
    async walk(ui, stop) {
      const limits = { signal: stop, promptId: prompt.id };
      for (;;) {
        const choice = await ui.select(`Carry out the plan "${plan.title}"?`, Object.values(PLAN_CHOICES), limits);
        if (choice === PLAN_CHOICES.approve) return { kind: 'approve' };
        if (choice === PLAN_CHOICES.cancel) return { kind: 'cancel' };
        if (choice === undefined) return undefined;
        const text =
          choice === PLAN_CHOICES.edit
            ? await ui.editor('Edit the plan', planText(plan), limits)
            : await ui.input('What should be different?', 'More tests, smaller steps, …', limits);
        // Whoever closes the field wants the choices back.
        if (text === undefined || text.trim() === '') continue;
        return { kind: choice === PLAN_CHOICES.edit ? 'edit' : 'change', text };
      }
    },
  };
}

export interface PlanMode extends Restoring, PromptFeature<'plan'> {
  readonly isOn: boolean;
  set(enabled: boolean): void;
  /** Why a call must not be made now, or undefined. */
  problem(use: ToolUse): string | undefined;
  /** What the model has to know of it, or undefined. */
  prompt(): string | undefined;
}

/**
 * Plan mode: `/plan` and the tool `plan_mode`. While it is on, nothing that writes gets through; a plan that a person
 * approves ends it. It is part of the story, and so of its forks. A plan outlives its process as a question does.
 * `begins`: the session begins in it.
 */
export function planMode({ pi, prompts, emit, ui, deliverAnswer }: FeatureDeps, begins = false): PlanMode {
  let isOn = false;
  const show = (next: boolean) => {
    if (next === isOn) return false;
    isOn = next;
    emit({ type: 'plan_mode_toggled', at: Date.now(), enabled: isOn });
    return true;
  };
  const turn = (next: boolean) => {
    if (show(next)) pi.appendEntry(ENTRY, { enabled: next });
  };

  pi.registerCommand('plan', {
    description: 'Turn plan mode on or off, or begin to plan something: /plan [on | off | what to plan]',
    handler: async (args, ctx) => {
      const what = args.trim();
      turn(what === '' ? !isOn : what !== 'off');
      ctx.ui.notify(isOn ? 'Plan mode is on: nothing changes until you approve a plan' : 'Plan mode is off', 'info');
      if (!['', 'on', 'off'].includes(what)) pi.sendUserMessage(what, { deliverAs: 'followUp' });
    },
  });

  pi.registerTool({
    name: 'plan_mode',
    ...inWords('plan_mode'),
    label: 'Plan',
    description:
      'Plans before anything is changed. "enter" turns plan mode on; "submit" shows your plan to the person and waits ' +
      'until they approve, rewrite or reject it. Use it for work that is large, risky or open to interpretation.',
    promptSnippet: 'Plan first, and have the plan approved by the person',
    parameters: Parameters,
    executionMode: 'sequential',
    execute: async (toolCallId, { action, title, description, steps }, signal, _onUpdate, ctx) => {
      if (action === 'enter') {
        turn(true);
        return says(PLAN_MODE_PROMPT);
      }
      if (title === undefined || title.trim() === '') throw new Error('A plan needs a title');
      const plan = {
        title,
        ...(description === undefined ? {} : { description }),
        ...(steps === undefined ? {} : { steps }),
      };
      const asked = await prompts.ask(asking({ kind: 'plan', id: promptId(toolCallId), plan }, signal), ctx.ui);
      if (asked.kind === 'left') return says(LEFT);
      const verdict = asked.kind === 'answered' ? asked.value : undefined;
      if (isApproved(verdict)) turn(false);
      return says(verdictText(verdict));
    },
  });

  return {
    get isOn() {
      return isOn;
    },
    set: turn,
    problem: (use) => (isOn ? planModeProblem(use, hasOwnBash(pi), onlyMakesCalls(pi, use.tool)) : undefined),
    prompt: () => (isOn ? PLAN_MODE_PROMPT : undefined),
    restore(entries) {
      const kept = lastKept(entries, ENTRY);
      show(isMap(kept) ? kept['enabled'] === true : begins);
    },
    async reopen(prompt) {
      const asked = await prompts.askAgain(asking(prompt), ui);
      if (asked.kind !== 'answered') return;
      if (isApproved(asked.value)) turn(false);
      await deliverAnswer(lateVerdictText(prompt.plan, asked.value));
    },
  };
}
