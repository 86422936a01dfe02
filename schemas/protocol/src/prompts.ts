import { guestAnswerProblem, mayGuestAnswer } from './guestRights.js';
import type { DialogItem } from './fold/transcript/types.js';
import type { ViewerMode } from './frames.js';
import type { MetaPendingPlan, SessionMetaState } from './meta.js';
import { planText } from './planText.js';

/**
 * The prompts of a session: which are pending, and which answers each takes. Every view renders this, so that all views
 * offer the same answers.
 */

/** An answer that takes one click. */
export interface PromptChoice {
  label: string;
  value: string | boolean;
  look?: 'primary' | 'danger';
}

/** A field for an answer in words. */
export interface PromptField {
  placeholder?: string;
  prefill: string;
  /** Several lines. */
  long: boolean;
}

interface PromptBase {
  /** What an answer names in `dialogId`. */
  id: string;
  title: string;
  /** ms since epoch after which the prompt closes without an answer. */
  expiresAt?: number;
  /** Empty where an answer needs words. */
  choices: readonly PromptChoice[];
}

/** One question. Its options are distinct. */
export interface PromptQuestion {
  question: string;
  options: readonly string[];
}

/** Takes a text, or a list of texts where there are several questions. `choices` are the options of a single question. */
export interface QuestionPrompt extends PromptBase {
  kind: 'question';
  questions: readonly PromptQuestion[];
}

/** Takes a choice, a text that says what to change, or `{ action: "edit", text }`. */
export interface PlanPrompt extends PromptBase {
  kind: 'plan';
  plan: MetaPendingPlan;
  /** The plan as a text to edit; missing where the viewer may not edit it. */
  text?: string;
}

/** Takes a choice, or `{ action: "deny", reason }`. */
export interface ApprovalPrompt extends PromptBase {
  kind: 'approval';
  message?: string;
  /** The tool that waits, and its arguments as text. */
  toolName: string;
  fields: readonly { key: string; label: string; value: string }[];
}

/** What a folder has of its own and is not loaded unasked. Takes a choice: from now on, not this time, never. */
export interface TrustPrompt extends PromptBase {
  kind: 'trust';
  plugins: readonly { name: string; summary: string }[];
}

/** A dialog of an extension. Takes a choice, or words where it has a field. */
export interface DialogPrompt extends PromptBase {
  kind: 'dialog';
  message?: string;
  write?: PromptField;
}

export type PromptView = QuestionPrompt | PlanPrompt | ApprovalPrompt | TrustPrompt | DialogPrompt;

const PLAN_CHOICES: readonly PromptChoice[] = [
  { label: 'Approve', value: 'approve', look: 'primary' },
  { label: 'Cancel', value: 'cancel' },
];
const APPROVAL_CHOICES: readonly PromptChoice[] = [
  { label: 'Approve', value: 'approve', look: 'primary' },
  { label: 'Deny', value: 'deny', look: 'danger' },
];
const TRUST_CHOICES: readonly PromptChoice[] = [
  { label: 'Trust', value: true, look: 'primary' },
  { label: 'Not now', value: false },
  { label: 'Never', value: 'never', look: 'danger' },
];
const CONFIRM_CHOICES: readonly PromptChoice[] = [
  { label: 'Yes', value: true, look: 'primary' },
  { label: 'No', value: false },
];

/**
 * Returns every pending prompt of a session: first the dialogs of extensions, then what the agent asks. A question, plan
 * or approval is answered as a whole by its own id. Open dialogs that are steps of it are left out; it expires with the
 * first of them. A step whose prompt is not pending is a prompt of its own.
 */
export function pendingPrompts(meta: SessionMetaState, dialogs: readonly DialogItem[] = []): PromptView[] {
  const asked = promptsOf(meta);
  const isStep = ({ promptId }: DialogItem) => asked.some(({ id }) => id === promptId);
  const others = dialogs.filter((dialog) => !isStep(dialog)).map(dialogPrompt);
  return [...others, ...asked.map((prompt) => expiring(prompt, dialogs))];
}

/** The prompt as a viewer in this mode may answer it, or undefined. A guest decides nothing for later calls. */
export function answerableBy(mode: ViewerMode, prompt: PromptView): PromptView | undefined {
  if (mode === 'owner') return prompt;
  if (mode === 'read') return undefined;
  const right = mode === 'approve' ? 'approve' : 'write';
  const kind = prompt.kind === 'dialog' || prompt.kind === 'trust' ? undefined : prompt.kind;
  if (!mayGuestAnswer(kind, right)) return undefined;
  const choices = prompt.choices.filter(({ value }) => guestAnswerProblem(kind, right, value) === undefined);
  if (prompt.kind !== 'plan') return { ...prompt, choices };
  const { text: _text, ...plan } = prompt;
  return { ...plan, choices };
}

/** One line for a notification: what is asked, and the answers to choose from. */
export function promptLine(prompt: PromptView): string {
  switch (prompt.kind) {
    case 'question': {
      const [first, ...others] = prompt.questions;
      const options = first === undefined || first.options.length === 0 ? '' : ` ${first.options.join(' · ')}`;
      const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
      return `${first?.question ?? prompt.title}${options}${more}`;
    }
    case 'plan':
      return `A plan to approve: ${prompt.title}`;
    case 'approval':
      return [prompt.title, prompt.message, firstLine(commandIn(prompt) ?? '')].filter((part) => part).join(' ');
    case 'trust':
      return `${prompt.title} ${prompt.plugins.map(({ name }) => name).join(', ')}`;
    case 'dialog':
      return [prompt.title, prompt.message].filter((part) => part).join(' ');
  }
}

/** The shell command that waits for an approval, where the call has no other argument. */
export function commandIn({ fields }: ApprovalPrompt): string | undefined {
  const [only] = fields;
  return fields.length === 1 && only?.key === 'command' ? only.value : undefined;
}

function promptsOf(meta: SessionMetaState): PromptView[] {
  const { pendingQuestion: question, pendingPlan: plan, pendingApproval: approval, pendingPluginTrust: trust } = meta;
  return [
    ...(question === null ? [] : [questionPrompt(question)]),
    ...(plan === null ? [] : [planPrompt(plan)]),
    ...(approval === null ? [] : [approvalPrompt(approval)]),
    ...(trust === null ? [] : [trustPrompt(trust)]),
  ];
}

function expiring(prompt: PromptView, dialogs: readonly DialogItem[]): PromptView {
  const ends = dialogs.flatMap(({ promptId, expiresAt }) =>
    promptId === prompt.id && expiresAt !== undefined ? [expiresAt] : [],
  );
  return ends.length === 0 ? prompt : { ...prompt, expiresAt: Math.min(...ends) };
}

function questionPrompt({ toolCallId, questions }: NonNullable<SessionMetaState['pendingQuestion']>): QuestionPrompt {
  const distinct = questions.map(({ question, options }) => ({ question, options: [...new Set(options)] }));
  const [first, ...others] = distinct;
  const only = others.length === 0 ? first : undefined;
  const title =
    only?.question ?? `The agent has ${first === undefined ? 'a question' : `${distinct.length} questions`}`;
  return { kind: 'question', id: toolCallId, title, questions: distinct, choices: asChoices(only?.options ?? []) };
}

function planPrompt(plan: MetaPendingPlan): PlanPrompt {
  return {
    ...{ kind: 'plan', id: plan.toolCallId, title: plan.title, plan },
    ...{ text: planText(plan), choices: PLAN_CHOICES },
  };
}

function approvalPrompt(approval: NonNullable<SessionMetaState['pendingApproval']>): ApprovalPrompt {
  const { promptId, title, message, toolName = '', fields = [], actions } = approval;
  const choices = actions?.map(({ id, label, style }) => ({
    ...{ label, value: id },
    ...(style === undefined || style === 'default' ? {} : { look: style }),
  }));
  return {
    ...{ kind: 'approval', id: promptId, title, toolName },
    ...(message === undefined ? {} : { message }),
    fields: fields.map(({ key, label, value }) => ({ key, label, value })),
    choices: choices ?? APPROVAL_CHOICES,
  };
}

function trustPrompt({
  promptId,
  pluginNames,
  pluginSummaries,
}: NonNullable<SessionMetaState['pendingPluginTrust']>): TrustPrompt {
  return {
    ...{
      kind: 'trust',
      id: promptId,
      title: 'Load the extensions and settings of this folder?',
      choices: TRUST_CHOICES,
    },
    plugins: pluginNames.map((name, at) => ({ name, summary: pluginSummaries[at] ?? '' })),
  };
}

function dialogPrompt(dialog: DialogItem): DialogPrompt {
  const { id, method, title, message, expiresAt, placeholder, prefill = '', options } = dialog;
  const isWritten = method === 'input' || method === 'editor';
  return {
    ...{ kind: 'dialog', id, title },
    ...(message === undefined ? {} : { message }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    choices: isWritten ? [] : method === 'confirm' ? CONFIRM_CHOICES : asChoices([...new Set(options)]),
    ...(isWritten
      ? { write: { prefill, long: method === 'editor', ...(placeholder === undefined ? {} : { placeholder }) } }
      : {}),
  };
}

function asChoices(options: readonly string[]): PromptChoice[] {
  return options.map((option) => ({ label: option, value: option }));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
