import { isMap, type MetaPendingPlan } from '@pizzapi/protocol';
import { checkReadOnly } from './readOnlyShell.js';
import { commandOf, isReadOnlyTool, type ToolUse } from './tools.js';

export type PlanInput = Omit<MetaPendingPlan, 'toolCallId'>;

/** What a person says to a plan. `edit` approves it as rewritten; `change` asks for another one. */
export type PlanVerdict =
  { kind: 'approve' } | { kind: 'edit'; text: string } | { kind: 'change'; text: string } | { kind: 'cancel' };

export const PLAN_CHOICES = {
  approve: 'Approve',
  edit: 'Edit…',
  change: 'Say what to change…',
  cancel: 'Cancel',
} as const;

/** Added to the system prompt while plan mode is on. */
export const PLAN_MODE_PROMPT =
  'Plan mode is on: look around and think, change nothing. Tools that write are blocked, and so is every shell command ' +
  'that is not known to only read. When you know what to do, call plan_mode with the action "submit" and wait for the ' +
  'verdict. Do not carry the plan out before it is approved.';

/**
 * Why a call is not for plan mode, or undefined for one that only reads. `guardsReads`: a script that only reads runs as
 * `readOnlyRun.ts` has it. `onlyMakesCalls`: the tool does nothing but make calls, each of which is judged by itself.
 */
export function planModeProblem(use: ToolUse, guardsReads: boolean, onlyMakesCalls = false): string | undefined {
  const command = commandOf(use);
  if (command === undefined) {
    if (onlyMakesCalls || isReadOnlyTool(use.tool)) return undefined;
    return `Plan mode is on, and "${use.tool}" is not known to only read. Submit a plan with plan_mode first.`;
  }
  const checked = checkReadOnly(command);
  if (checked.readOnly && (guardsReads || !checked.guarded)) return undefined;
  const why = checked.readOnly ? 'an extension replaces bash, which may run it otherwise' : checked.why;
  return `Plan mode is on: this command is blocked because ${why}. Submit a plan with plan_mode first.`;
}

/** The verdict in a value that came for the plan as a whole: `approve`, `cancel` or `reject`, or what to change. */
export function readVerdict(value: unknown): PlanVerdict | undefined {
  if (value === 'approve' || value === true) return { kind: 'approve' };
  if (value === 'cancel' || value === 'reject' || value === false) return { kind: 'cancel' };
  if (typeof value === 'string' && value.trim() !== '') return { kind: 'change', text: value };
  if (isMap(value) && value['action'] === 'edit' && typeof value['text'] === 'string') {
    return { kind: 'edit', text: value['text'] };
  }
  return undefined;
}

/** What the model reads. */
export function verdictText(verdict: PlanVerdict | undefined): string {
  switch (verdict?.kind) {
    case 'approve':
      return 'The person approved the plan. Plan mode is off: carry the plan out now.';
    case 'edit':
      return `The person approved the plan with changes. Plan mode is off: carry out this version now.\n\n${verdict.text}`;
    case 'change':
      return `The person wants changes before they approve. Plan mode is on. Submit a new plan that heeds this:\n\n${verdict.text}`;
    case 'cancel':
    case undefined:
      return 'The person did not approve the plan. Do not carry it out; ask what they want instead, or stop.';
  }
}

/** The verdict on a plan that was submitted before the agent was interrupted. */
export function lateVerdictText(plan: PlanInput, verdict: PlanVerdict | undefined): string {
  return `This is about the plan "${plan.title}" that you submitted before you were interrupted.\n\n${verdictText(verdict)}`;
}

/** Whether a verdict lets the agent begin. */
export function isApproved(verdict: PlanVerdict | undefined): boolean {
  return verdict?.kind === 'approve' || verdict?.kind === 'edit';
}
