import type { DialogItem, SessionMetaState } from '@pizzapi/protocol';

/** Something that waits for a person, whatever kind of event brought it. `id` is what an answer names. */
export interface Pending {
  id: string;
  kind: 'question' | 'plan' | 'approval' | 'trust' | 'dialog';
  title: string;
  message?: string | undefined;
  /** What is asked about it, where that is not its title. */
  ask?: string;
  /** Answers to choose from, the first being the one to expect. */
  choices: { label: string; value: unknown; look?: 'primary' | 'danger' }[];
  /** Whether words may be given as an answer. */
  write?: { placeholder: string; prefill: string; long: boolean };
  /** Shown beneath: the steps of a plan, the fields of an approval. */
  details: { label: string; text: string }[];
  /** ms since epoch. */
  expiresAt?: number;
}

/**
 * All that waits for a person in a session, from its meta state and its open dialogs. A question, plan or approval is
 * answered by its own id, unless a dialog is open beside it: then that dialog is how its host asks about it, and the
 * two are shown as one.
 */
export function pendingOf(meta: SessionMetaState, dialogs: readonly DialogItem[]): Pending[] {
  const asked = dialogs.map(dialogPending);
  const announced = announcedBy(meta);
  const [subject] = announced;
  const last = asked.at(-1);
  if (subject === undefined || last === undefined) return [...asked, ...announced];
  const ask = [last.title, last.message].filter((text) => text !== undefined).join('\n');
  const { kind, title, message, details } = subject;
  const merged: Pending = { ...last, kind, title, message, details, ask };
  return [...asked.slice(0, -1), merged, ...announced.slice(1)];
}

function announcedBy(meta: SessionMetaState): Pending[] {
  const pending: Pending[] = [];
  const { pendingQuestion: question, pendingPlan: plan, pendingApproval: approval, pendingPluginTrust: trust } = meta;
  if (question !== null) {
    const [first] = question.questions;
    pending.push({
      id: question.toolCallId,
      kind: 'question',
      title: first?.question ?? 'The agent asks',
      choices: (first?.options ?? []).map((option) => ({ label: option, value: option })),
      write: { placeholder: 'Answer in your own words…', prefill: '', long: false },
      details: question.questions
        .slice(1)
        .map(({ question: label, options }) => ({ label, text: options.join(' · ') })),
    });
  }
  if (plan !== null) {
    pending.push({
      id: plan.toolCallId,
      kind: 'plan',
      title: plan.title,
      ...(plan.description ? { message: plan.description } : {}),
      choices: [
        { label: 'Go ahead', value: 'approve', look: 'primary' },
        { label: 'Not like this', value: 'reject' },
      ],
      write: { placeholder: 'Or say what to change…', prefill: '', long: false },
      details: (plan.steps ?? []).map(({ title, description }, i) => ({
        label: `${i + 1}. ${title}`,
        text: description ?? '',
      })),
    });
  }
  if (approval !== null) {
    pending.push({
      id: approval.promptId,
      kind: 'approval',
      title: approval.title,
      ...(approval.message === undefined ? {} : { message: approval.message }),
      choices: (approval.actions ?? DEFAULT_ACTIONS).map(({ id, label, style }) => ({
        label,
        value: id,
        ...(style === undefined || style === 'default' ? {} : { look: style }),
      })),
      details: (approval.fields ?? []).map(({ label, value }) => ({ label, text: value })),
    });
  }
  if (trust !== null) {
    pending.push({
      id: trust.promptId,
      kind: 'trust',
      title: 'Trust these plugins?',
      choices: [
        { label: 'Trust', value: true, look: 'primary' },
        { label: 'Do not load', value: false },
      ],
      details: trust.pluginNames.map((label, i) => ({ label, text: trust.pluginSummaries[i] ?? '' })),
    });
  }
  return pending;
}

const DEFAULT_ACTIONS: { id: string; label: string; style?: 'primary' | 'danger' | 'default' }[] = [
  { id: 'approve', label: 'Approve', style: 'primary' },
  { id: 'deny', label: 'Deny' },
];

function dialogPending(dialog: DialogItem): Pending {
  const choices =
    dialog.method === 'confirm'
      ? [
          { label: 'Yes', value: true, look: 'primary' as const },
          { label: 'No', value: false },
        ]
      : dialog.options.map((option) => ({ label: option, value: option }));
  const writes = dialog.method === 'input' || dialog.method === 'editor';
  return {
    id: dialog.id,
    kind: 'dialog',
    title: dialog.title,
    ...(dialog.message === undefined ? {} : { message: dialog.message }),
    ...(dialog.expiresAt === undefined ? {} : { expiresAt: dialog.expiresAt }),
    choices: writes ? [] : choices,
    ...(writes
      ? {
          write: {
            placeholder: dialog.placeholder ?? 'Your answer…',
            prefill: dialog.prefill ?? '',
            long: dialog.method === 'editor',
          },
        }
      : {}),
    details: [],
  };
}
