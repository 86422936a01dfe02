import {
  answerableBy,
  pendingPrompts,
  type ApprovalPrompt,
  type DialogItem,
  type PlanPrompt,
  type PromptView,
  type QuestionPrompt,
  type SessionMetaState,
  type ViewerMode,
} from '@pizzapi/protocol';
import type { Ask } from '@pizzapi/runner/terminal';

/** What the terminal asks, and what follows from a choice or from typed words. */
export interface AskStep {
  ask: Ask;
  next: (value: unknown) => AskOutcome;
}

/** The answer to the prompt, or another thing to ask first. */
export type AskOutcome = { kind: 'answer'; value: unknown } | { kind: 'ask'; step: AskStep };

/** A pending prompt as the terminal asks it. `id` is what an answer names. */
export interface TerminalPrompt extends AskStep {
  id: string;
  /** ms since epoch after which it closes without an answer. */
  expiresAt?: number;
}

/** The pending prompts that a viewer in this mode may answer. */
export function answerablePrompts(
  mode: ViewerMode,
  meta: SessionMetaState,
  dialogs: readonly DialogItem[],
): TerminalPrompt[] {
  return pendingPrompts(meta, dialogs).flatMap((prompt) => {
    const own = answerableBy(mode, prompt);
    return own === undefined ? [] : [terminalPrompt(own)];
  });
}

function terminalPrompt(prompt: PromptView): TerminalPrompt {
  const { id, expiresAt } = prompt;
  return { id, ...(expiresAt === undefined ? {} : { expiresAt }), ...firstStep(prompt) };
}

function firstStep(prompt: PromptView): AskStep {
  const { title, choices } = prompt;
  switch (prompt.kind) {
    case 'question':
      return questionStep(prompt);
    case 'plan':
      return planStep(prompt);
    case 'approval':
      return approvalStep(prompt);
    case 'trust': {
      const details = prompt.plugins.map(({ name, summary }) => indented(name, summary, '  ')).join('\n');
      return { ask: { title, details, choices }, next: answered };
    }
    case 'dialog': {
      const { message = '', write } = prompt;
      const field = write === undefined ? {} : { write: { placeholder: '', ...write } };
      return { ask: { title, details: message, choices, ...field }, next: answered };
    }
  }
}

const answered = (value: unknown): AskOutcome => ({ kind: 'answer', value });

/** Asks one question after the other. The answers are sent together. */
function questionStep({ questions, title, choices }: QuestionPrompt): AskStep {
  const write = { placeholder: 'Your answer', prefill: '', long: false };
  if (questions.length <= 1) return { ask: { title, details: '', choices, write }, next: answered };
  const stepAt = (answers: readonly string[]): AskStep => {
    const { question, options } = questions[answers.length]!;
    const step: AskStep = {
      ask: {
        title: question,
        details: `Question ${answers.length + 1} of ${questions.length}`,
        choices: options.map((option) => ({ label: option, value: option })),
        write,
      },
      next: (value) => {
        if (typeof value !== 'string' || value.trim() === '') return { kind: 'ask', step };
        const all = [...answers, value.trim()];
        return all.length === questions.length ? answered(all) : { kind: 'ask', step: stepAt(all) };
      },
    };
    return step;
  };
  return stepAt([]);
}

/** Stands for the choice that opens the plan in an editor. */
const EDIT = Symbol('edit');

function planStep({ title, plan, text, choices }: PlanPrompt): AskStep {
  const steps = (plan.steps ?? []).map((step, at) => indented(`${at + 1}. ${step.title}`, step.description, '   '));
  const [first, ...others] = choices.map(({ label, value }): Ask['choices'][number] => ({ label, value }));
  const edit = text === undefined ? [] : [{ label: 'Edit…', value: EDIT }];
  const ask: Ask = {
    title,
    details: [plan.description ?? '', ...steps].filter((line) => line !== '').join('\n'),
    choices: [...(first === undefined ? [] : [first]), ...edit, ...others],
    write: { placeholder: 'What to change', prefill: '', long: false },
  };
  const editing: AskStep = {
    ask: { title, details: '', choices: [], write: { placeholder: 'The plan', prefill: text ?? '', long: true } },
    next: (value) => answered({ action: 'edit', text: value }),
  };
  return { ask, next: (value) => (value === EDIT ? { kind: 'ask', step: editing } : answered(value)) };
}

/** Stands for the choice that asks for a reason. */
const DENY_WITH_REASON = Symbol('deny with a reason');

function approvalStep({ title, message = '', fields, choices }: ApprovalPrompt): AskStep {
  const canDeny = choices.some(({ value }) => value === 'deny');
  const ask: Ask = {
    title,
    details: [message, ...fields.map(({ label, value }) => `${label}: ${value}`)]
      .filter((line) => line !== '')
      .join('\n'),
    choices: [...choices, ...(canDeny ? [{ label: 'Deny with a reason…', value: DENY_WITH_REASON }] : [])],
  };
  const reasoning: AskStep = {
    ask: {
      title: 'Reason for the agent',
      details: '',
      choices: [],
      write: { placeholder: '', prefill: '', long: false },
    },
    next: (reason) => answered({ action: 'deny', reason }),
  };
  return { ask, next: (value) => (value === DENY_WITH_REASON ? { kind: 'ask', step: reasoning } : answered(value)) };
}

function indented(title: string, text: string | undefined, indent: string): string {
  return text === undefined || text === '' ? title : `${title}\n${indent}${text}`;
}
