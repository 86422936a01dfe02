import type { MetaPendingPlan } from './meta.js';

/** Returns a plan as a text that a person can edit: the initial text of `{ action: "edit", text }` on every screen. */
export function planText({ title, description, steps }: Omit<MetaPendingPlan, 'toolCallId'>): string {
  const lines = (steps ?? []).map(
    (step, index) => `${index + 1}. ${step.title}${step.description === undefined ? '' : `\n   ${step.description}`}`,
  );
  return [`# ${title}`, ...(description ? [description] : []), ...(lines.length > 0 ? [lines.join('\n')] : [])].join(
    '\n\n',
  );
}
