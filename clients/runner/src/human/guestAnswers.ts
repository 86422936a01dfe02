import { guestAnswerProblem, type ErrorInfo, type GuestRight, type GuestPromptKind } from '@pizzapi/protocol';
import { actionsFor, DENY_AND_SAY } from './approvals.js';
import { PLAN_CHOICES } from './plans.js';

/** One dialog of a prompt: how it is answered. */
export interface AnsweredStep {
  method: string;
}

/** The choices by which one call is allowed or denied: those that there are when nothing can be remembered. */
const THIS_CALL = [...actionsFor([]).map(({ label }) => label), DENY_AND_SAY];

/** Answers that let something pass as it is. */
const CONSENT: readonly unknown[] = ['approve', true, THIS_CALL[0], PLAN_CHOICES.approve];

/** Whether an answer has something to say to the agent, beside that it may go on as it wanted to. */
export function hasWords(kind: GuestPromptKind | undefined, value: unknown): boolean {
  return kind === 'question' || kind === undefined || !CONSENT.includes(value);
}

/** What a value that answers a step comes to, as an answer to the whole: for `guestAnswerProblem`. */
function wholeOf(kind: GuestPromptKind, { method }: AnsweredStep, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (kind === 'plan') {
    const isEdit = method === 'editor' || (method === 'select' && value === PLAN_CHOICES.edit);
    return isEdit ? { action: 'edit' } : 'approve';
  }
  // A text says why a call is denied.
  return method !== 'select' || THIS_CALL.some((label) => label === value) ? 'deny' : value;
}

/**
 * Why a guest may not give this answer, or undefined. `kind`: of the prompt that the answer is to, or undefined for a
 * dialog of another extension. `step`: the dialog that is answered, where it is not the prompt as a whole.
 */
export function guestAnswer(
  kind: GuestPromptKind | undefined,
  right: GuestRight,
  step: AnsweredStep | undefined,
  value: unknown,
): ErrorInfo | undefined {
  const whole = kind === undefined || step === undefined ? value : wholeOf(kind, step, value);
  return guestAnswerProblem(kind, right, whole);
}
