import type { SessionMetaState } from '@pizzapi/protocol';

/** What a session asks, as far as it can be read and answered at a glance; its own page has all of it. */
export interface PromptPreview {
  /** What an answer names. */
  id: string;
  kind: 'question' | 'plan' | 'approval' | 'trust' | 'dialog';
  title: string;
  text?: string;
  /** A command, or another argument of a call. */
  code?: string;
  /** ms since epoch after which it closes by itself. */
  expiresAt?: number;
  /** Answers that take no more than a click. Without any it is answered on the session's page. */
  choices: readonly Choice[];
}

export interface Choice {
  label: string;
  value: string | boolean;
  look?: 'primary' | 'danger';
}

/** Options that still make a row of buttons, and steps of a plan that are shown. */
const MOST_OPTIONS = 6;
const MOST_STEPS = 4;
/** Characters and lines of a text or a command: a list is no place for more. */
const MOST_CHARS = 400;
const MOST_LINES = 8;

/** All that a session asks, those ids only that still wait. */
export function promptPreviews(meta: SessionMetaState, ids: readonly string[]): PromptPreview[] {
  return [questionOf(meta), planOf(meta), approvalOf(meta), trustOf(meta)].filter(
    (asked): asked is PromptPreview => asked !== undefined && ids.includes(asked.id),
  );
}

function questionOf({ pendingQuestion: pending }: SessionMetaState): PromptPreview | undefined {
  if (pending === null) return undefined;
  const [first, ...others] = pending.questions;
  const title = first?.question ?? 'The agent has a question.';
  const more = others.length === 1 ? 'And one more question' : `And ${others.length} more questions`;
  return {
    id: pending.toolCallId,
    kind: 'question',
    title: cut(title),
    ...(others.length === 0 ? {} : { text: more }),
    choices: others.length === 0 && fits(title) ? choicesOf(first?.options ?? []) : [],
  };
}

function planOf({ pendingPlan: plan }: SessionMetaState): PromptPreview | undefined {
  if (plan === null) return undefined;
  const steps = (plan.steps ?? []).map(({ title }, i) => `${i + 1}. ${title}`);
  const more = steps.length > MOST_STEPS ? [`… and ${steps.length - MOST_STEPS} more`] : [];
  const text = [...(plan.description ? [plan.description] : []), ...steps.slice(0, MOST_STEPS), ...more].join('\n');
  const isWhole = more.length === 0 && fits(plan.title, text) && !plan.steps?.some(({ description }) => description);
  return {
    id: plan.toolCallId,
    kind: 'plan',
    title: cut(plan.title),
    ...(text === '' ? {} : { text: cut(text) }),
    choices: [
      ...(isWhole ? [{ label: 'Approve', value: 'approve', look: 'primary' as const }] : []),
      { label: 'Cancel', value: 'cancel' },
    ],
  };
}

/** Yes, this once, and no. To allow more than this call is decided where all of it can be read. */
function approvalOf({ pendingApproval: pending }: SessionMetaState): PromptPreview | undefined {
  if (pending === null) return undefined;
  const { promptId, title, message = '', fields = [], actions } = pending;
  const [only] = fields;
  const code =
    fields.length === 1 && only?.key === 'command'
      ? only.value
      : fields.map(({ label, value }) => `${label}: ${value}`).join('\n');
  const yes = actions?.find(({ style }) => style === 'primary') ?? { id: 'approve', label: 'Approve' };
  const no = actions?.find(({ id }) => id === 'deny') ?? { id: 'deny', label: 'Deny' };
  return {
    id: promptId,
    kind: 'approval',
    title: cut(title),
    ...(message === '' ? {} : { text: cut(message) }),
    ...(code === '' ? {} : { code: cut(code) }),
    choices: [
      ...(fits(title, message, code) ? [{ label: yes.label, value: yes.id, look: 'primary' as const }] : []),
      { label: no.label, value: no.id, look: 'danger' },
    ],
  };
}

function trustOf({ pendingPluginTrust: trust }: SessionMetaState): PromptPreview | undefined {
  if (trust === null) return undefined;
  const { promptId, pluginNames, pluginSummaries } = trust;
  const text = pluginNames.map((name, i) => (pluginSummaries[i] ? `${name}: ${pluginSummaries[i]}` : name)).join('\n');
  return {
    id: promptId,
    kind: 'trust',
    title: 'Trust these plugins?',
    text: cut(text),
    choices: [
      ...(fits(text) ? [{ label: 'Trust', value: true, look: 'primary' as const }] : []),
      { label: 'Do not load', value: false },
    ],
  };
}

/** One line: what a notification says of it. */
export function previewLine({ title, code }: PromptPreview): string {
  return code === undefined ? title : `${title} ${code.split('\n', 1)[0]}`;
}

/** Each option once; none where they are too many for a row. */
export function choicesOf(options: readonly string[]): Choice[] {
  const distinct = [...new Set(options)];
  return distinct.length > MOST_OPTIONS ? [] : distinct.map((option) => ({ label: option, value: option }));
}

/** Nobody says yes to what they cannot read: what is shown in part is agreed to on its session's page. */
export function fits(...texts: string[]): boolean {
  return texts.every((text) => text.length <= MOST_CHARS && text.split('\n').length <= MOST_LINES);
}

export function cut(text: string, most = MOST_CHARS): string {
  const kept = text.split('\n').slice(0, MOST_LINES).join('\n').slice(0, most);
  return kept === text ? text : `${kept.trimEnd()}…`;
}
