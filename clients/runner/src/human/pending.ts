import { createHash } from 'node:crypto';
import { isId, isMap, isSessionEvent, type SessionEvent } from '@pizzapi/protocol';
import { isApprovalRule, type ApprovalRule } from './approvalPolicy.js';
import { pendingApproval } from './approvals.js';
import type { PlanInput } from './plans.js';
import type { QuestionInput } from './questions.js';
import type { ToolUse } from './tools.js';

/** What waits for a person. It is kept in the agent's own session file, and so outlives the process that asked. */
export type PendingPrompt =
  | {
      kind: 'question';
      id: string;
      questions: QuestionInput[];
      /** ms since epoch after which nobody needs to answer any more. */
      expiresAt?: number;
      /** The trigger of a child session that it is asked for: the answer is that session's. */
      forward?: string;
      /** What the child asks is to approve a plan. */
      isPlan?: true;
    }
  | { kind: 'plan'; id: string; plan: PlanInput }
  | { kind: 'approval'; id: string; use: ToolUse; remember: ApprovalRule[] };

/** Whether a value from a file is a prompt: the file may have been written by anybody. */
function isPrompt(value: unknown): value is PendingPrompt {
  if (!isMap(value) || !isId(value['id'])) return false;
  const { kind, use, expiresAt } = value;
  if (kind === 'approval') {
    const isUse = isMap(use) && typeof use['tool'] === 'string' && isMap(use['input']);
    return isUse && Array.isArray(value['remember']) && value['remember'].every(isApprovalRule);
  }
  if (kind === 'plan' && !isMap(value['plan'])) return false;
  if (kind === 'question' && expiresAt !== undefined && typeof expiresAt !== 'number') return false;
  if (kind === 'question' && value['forward'] !== undefined && !isId(value['forward'])) return false;
  return (kind === 'plan' || kind === 'question') && isSessionEvent(openedEvent(value as unknown as PendingPrompt, 0));
}

export type PendingPromptKind = PendingPrompt['kind'];
export type PromptOf<K extends PendingPromptKind> = Extract<PendingPrompt, { kind: K }>;

/** What an answer to a prompt decides: the plan of a child is asked for as a question. */
export function answeredAs(prompt: PendingPrompt): PendingPromptKind {
  return prompt.kind === 'question' && prompt.isPlan === true ? 'plan' : prompt.kind;
}

/** Entries of the session file: a prompt was opened, a prompt is settled. */
export const OPENED_ENTRY = 'pizzapi.prompt';
export const SETTLED_ENTRY = 'pizzapi.prompt-settled';

/** An entry of the session file, as far as it matters here. */
export interface StoredEntry {
  customType: string;
  data: unknown;
}

/** The id of what a tool call asks: the call's own where it may be an id, else one that is made of it. Always the same. */
export function promptId(toolCallId: string): string {
  if (isId(toolCallId)) return toolCallId;
  return `call_${createHash('sha256').update(toolCallId).digest('hex').slice(0, 32)}`;
}

/**
 * The prompts that still wait, in the order they were opened. Those of another session are none of ours: a fork shares
 * the story, not the conversation that goes on.
 */
export function openPrompts(entries: readonly StoredEntry[], sessionId: string): PendingPrompt[] {
  const open = new Map<string, PendingPrompt>();
  for (const { customType, data } of entries) {
    if (!isMap(data)) continue;
    if (customType === SETTLED_ENTRY && typeof data['id'] === 'string') open.delete(data['id']);
    const { prompt } = data;
    if (customType === OPENED_ENTRY && data['sessionId'] === sessionId && isPrompt(prompt)) open.set(prompt.id, prompt);
  }
  return [...open.values()];
}

/** The event that shows a prompt on every screen. */
export function openedEvent(prompt: PendingPrompt, at: number): SessionEvent {
  switch (prompt.kind) {
    case 'question':
      return { type: 'question_pending', at, question: { toolCallId: prompt.id, questions: prompt.questions } };
    case 'plan':
      return { type: 'plan_pending', at, plan: { toolCallId: prompt.id, ...prompt.plan } };
    case 'approval':
      return { type: 'approval_pending', at, approval: pendingApproval(prompt.id, prompt.use, prompt.remember) };
  }
}

/** The event that takes it from every screen. */
export function clearedEvent({ kind, id }: PendingPrompt, at: number): SessionEvent {
  switch (kind) {
    case 'question':
      return { type: 'question_cleared', at, toolCallId: id };
    case 'plan':
      return { type: 'plan_cleared', at, toolCallId: id };
    case 'approval':
      return { type: 'approval_cleared', at, promptId: id };
  }
}
