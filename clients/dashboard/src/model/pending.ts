import {
  guestAnswerProblem,
  mayGuestAnswer,
  planText,
  type DialogItem,
  type MetaPendingPlan,
  type SessionMetaState,
  type ToolBlock,
  type ViewerMode,
} from '@pizzapi/protocol';

/** Something that waits for a person, whatever kind of event brought it. `id` is what an answer names. */
export type PendingCardPrompt = QuestionPrompt | PlanPrompt | ApprovalPrompt | DialogPrompt;

interface Prompt {
  id: string;
  title: string;
  /** ms since epoch after which it closes by itself. */
  expiresAt?: number;
}

export interface PromptQuestion {
  question: string;
  options: readonly string[];
}

/** Answered with a text, or with a list of texts where there are several questions. */
export interface QuestionPrompt extends Prompt {
  kind: 'question';
  questions: readonly PromptQuestion[];
}

/** Answered with `approve`, `cancel`, `{ action: "edit", text }`, or with what to change. */
export interface PlanPrompt extends Prompt {
  kind: 'plan';
  plan: MetaPendingPlan;
  /** The plan as a text that can be rewritten; missing where it is not for who looks to rewrite it. */
  text?: string;
}

/** Answered with the id of an action, or with `{ action: "deny", reason }`. */
export interface ApprovalPrompt extends Prompt {
  kind: 'approval';
  message?: string;
  /** The call that waits, as the transcript shows calls. */
  call: ToolBlock;
  fields: readonly { label: string; text: string }[];
  choices: readonly ApprovalChoice[];
}

export interface ApprovalChoice {
  label: string;
  value: string;
  look?: 'primary' | 'danger';
}

/** Answered with the value of a choice, or with words. */
export interface DialogPrompt extends Prompt {
  kind: 'dialog';
  message?: string;
  choices: readonly { label: string; value: unknown; look?: 'primary' }[];
  write?: { placeholder: string; prefill: string; long: boolean };
  details: readonly { label: string; text: string }[];
}

/**
 * All that waits for a person in a session, from its meta state and its open dialogs. A question, plan or approval is
 * answered as a whole by its own id; the dialogs that walk through it step by step, for screens that know nothing else,
 * are not shown beside it.
 */
export function pendingOf(meta: SessionMetaState, dialogs: readonly DialogItem[]): PendingCardPrompt[] {
  const announced = announcedBy(meta);
  const stepOf = ({ promptId }: DialogItem) => announced.find(({ id }) => id === promptId);
  const others = dialogs.filter((dialog) => stepOf(dialog) === undefined).map(ofDialog);
  for (const dialog of dialogs) {
    const prompt = stepOf(dialog);
    if (prompt !== undefined && dialog.expiresAt !== undefined) prompt.expiresAt = dialog.expiresAt;
  }
  return [...others, ...announced];
}

/**
 * A prompt as whoever looks in this mode may answer it, or undefined: a guest approves as far as their link lets them,
 * decides nothing for later, and does not answer what an extension asks.
 */
export function answerableBy(mode: ViewerMode, pending: PendingCardPrompt): PendingCardPrompt | undefined {
  if (mode === 'owner') return pending;
  if (mode === 'read') return undefined;
  const right = mode === 'approve' ? 'approve' : 'write';
  const kind = pending.kind === 'dialog' ? undefined : pending.kind;
  if (!mayGuestAnswer(kind, right)) return undefined;
  switch (pending.kind) {
    case 'approval':
      return {
        ...pending,
        choices: pending.choices.filter(({ value }) => guestAnswerProblem('approval', right, value) === undefined),
      };
    case 'plan': {
      const { text: _text, ...plan } = pending;
      return plan;
    }
    default:
      return pending;
  }
}

/** The answer to all questions, once there is one to each. Words of one's own count before a choice. */
export function wholeAnswer(drafts: readonly { choice?: string | undefined; words: string }[]): string[] | undefined {
  const answers = drafts.map(({ choice, words }) => words.trim() || choice || '');
  return answers.every((answer) => answer !== '') ? answers : undefined;
}

function announcedBy(meta: SessionMetaState): PendingCardPrompt[] {
  const { pendingQuestion: question, pendingPlan: plan, pendingApproval: approval, pendingPluginTrust: trust } = meta;
  return [
    ...(question === null ? [] : [ofQuestion(question)]),
    ...(plan === null ? [] : [ofPlan(plan)]),
    ...(approval === null ? [] : [ofApproval(approval)]),
    ...(trust === null ? [] : [ofTrust(trust)]),
  ];
}

function ofQuestion({ toolCallId, questions }: NonNullable<SessionMetaState['pendingQuestion']>): QuestionPrompt {
  const [first] = questions;
  const title = questions.length === 1 ? first!.question : `The agent has ${questions.length} questions`;
  return { kind: 'question', id: toolCallId, title, questions };
}

function ofPlan(plan: MetaPendingPlan): PlanPrompt {
  return { kind: 'plan', id: plan.toolCallId, title: plan.title, plan, text: planText(plan) };
}

const DEFAULT_ACTIONS: NonNullable<NonNullable<SessionMetaState['pendingApproval']>['actions']> = [
  { id: 'approve', label: 'Approve', style: 'primary' },
  { id: 'deny', label: 'Deny', style: 'danger' },
];

function ofApproval(approval: NonNullable<SessionMetaState['pendingApproval']>): ApprovalPrompt {
  const { promptId, title, message, toolName = '', fields = [], actions = DEFAULT_ACTIONS } = approval;
  return {
    kind: 'approval',
    id: promptId,
    title,
    ...(message === undefined ? {} : { message }),
    call: {
      kind: 'tool',
      toolCallId: promptId,
      toolName,
      json: '',
      args: Object.fromEntries(fields.map(({ key, value }) => [key, argument(value)])),
      state: 'pending',
      output: '',
      content: [],
    },
    fields: fields.map(({ label, value }) => ({ label, text: value })),
    choices: actions.map(({ id, label, style }) => ({
      label,
      value: id,
      ...(style === undefined || style === 'default' ? {} : { look: style }),
    })),
  };
}

/** An argument that is no text is shown as JSON; one that was cut is none any more. */
function argument(text: string): unknown {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function ofTrust(trust: NonNullable<SessionMetaState['pendingPluginTrust']>): DialogPrompt {
  return {
    kind: 'dialog',
    id: trust.promptId,
    title: 'Trust these plugins?',
    choices: [
      { label: 'Trust', value: true, look: 'primary' },
      { label: 'Do not load', value: false },
    ],
    details: trust.pluginNames.map((label, i) => ({ label, text: trust.pluginSummaries[i] ?? '' })),
  };
}

function ofDialog(dialog: DialogItem): DialogPrompt {
  const { id, method, title, message, expiresAt, placeholder = 'Your answer…', prefill = '' } = dialog;
  const writes = method === 'input' || method === 'editor';
  const choices =
    method === 'confirm'
      ? [
          { label: 'Yes', value: true, look: 'primary' as const },
          { label: 'No', value: false },
        ]
      : dialog.options.map((option) => ({ label: option, value: option }));
  return {
    kind: 'dialog',
    id,
    title,
    ...(message === undefined ? {} : { message }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    choices: writes ? [] : choices,
    ...(writes ? { write: { placeholder, prefill, long: method === 'editor' } } : {}),
    details: [],
  };
}
