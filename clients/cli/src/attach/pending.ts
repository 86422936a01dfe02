import {
  guestAnswerProblem,
  mayGuestAnswer,
  type DialogItem,
  type GuestRight,
  type GuestPromptKind,
  type SessionMetaState,
  type ViewerMode,
} from '@pizzapi/protocol';
import type { Ask } from '@pizzapi/runner/terminal';

/** Something that waits for a person. `id` is what an answer names. */
export interface TerminalPrompt {
  id: string;
  /** Of what the agent asks as a whole; none of what an extension asks. */
  kind?: GuestPromptKind;
  ask: Ask;
  /** What words that were typed are as an answer; the words themselves, where it says nothing. */
  read?: (text: string) => unknown;
  /** Known by its announcement alone: the dialogs that walk through it may be about to open. */
  announced?: true;
  /** ms since epoch after which it closes by itself. */
  expiresAt?: number;
}

/**
 * All that waits for a person, the oldest first. A question, plan or approval is answered by its own id, unless a dialog
 * is open that is a step of it: then the dialog is how its host asks, and what it is about stands above.
 */
export function pendingOf(meta: SessionMetaState, dialogs: readonly DialogItem[]): TerminalPrompt[] {
  return together(announcedBy(meta), dialogs);
}

/**
 * What waits and whoever watches in this mode may answer. A guest answers an approval or a plan as a whole: which steps
 * lead further than their link, its host alone knows.
 */
export function answerableBy(
  mode: ViewerMode,
  meta: SessionMetaState,
  dialogs: readonly DialogItem[],
): TerminalPrompt[] {
  if (mode === 'owner') return pendingOf(meta, dialogs);
  if (mode === 'read') return [];
  const right = mode === 'approve' ? 'approve' : 'write';
  const announced = announcedBy(meta).filter(({ kind }) => mayGuestAnswer(kind, right));
  const isQuestion = (id: string | undefined) => announced.some((one) => one.id === id && one.kind === 'question');
  return together(
    announced.map((one) => forGuest(one, right)),
    dialogs.filter(({ promptId }) => isQuestion(promptId)),
  );
}

/** With those choices alone that are a guest's. */
function forGuest(pending: TerminalPrompt, right: GuestRight): TerminalPrompt {
  const { kind, ask } = pending;
  const choices = ask.choices.filter(({ value }) => guestAnswerProblem(kind, right, value) === undefined);
  return { ...pending, ask: { ...ask, choices } };
}

function together(announced: readonly TerminalPrompt[], dialogs: readonly DialogItem[]): TerminalPrompt[] {
  const subjectOf = ({ promptId }: DialogItem) => announced.find(({ id }) => id === promptId);
  const asked = dialogs.map((dialog) => {
    const [one, subject] = [ofDialog(dialog), subjectOf(dialog)];
    return subject === undefined ? one : { ...one, ask: { ...one.ask, ...inOne(subject.ask, one.ask) } };
  });
  const steps = new Set(dialogs.map(({ promptId }) => promptId));
  const alone = announced.filter(({ id }) => !steps.has(id));
  return [...asked, ...alone.map((one): TerminalPrompt => ({ ...one, announced: true }))];
}

/** What is asked beneath what it is about, each text once. */
function inOne(about: Ask, asked: Ask): Pick<Ask, 'title' | 'details'> {
  const texts = [about.details, asked.title, asked.details];
  const more = texts.filter((text, at) => text !== '' && text !== about.title && texts.indexOf(text) === at);
  return { title: about.title, details: more.join('\n') };
}

function announcedBy(meta: SessionMetaState): TerminalPrompt[] {
  const pending: TerminalPrompt[] = [];
  const { pendingQuestion: question, pendingPlan: plan, pendingApproval: approval, pendingPluginTrust: trust } = meta;
  if (question !== null) pending.push(ofQuestion(question));
  if (plan !== null) {
    const steps = (plan.steps ?? []).map(({ title, description }, at) =>
      lines(`${at + 1}. ${title}`, description, '   '),
    );
    pending.push({
      ...{ id: plan.toolCallId, kind: 'plan' },
      ask: {
        title: plan.title,
        details: [plan.description ?? '', ...steps].filter((text) => text !== '').join('\n'),
        choices: [
          { label: 'Go ahead', value: 'approve' },
          { label: 'Not like this', value: 'reject' },
        ],
        write: { placeholder: 'What to change', prefill: '', long: false },
      },
    });
  }
  if (approval !== null) {
    const fields = (approval.fields ?? []).map(({ label, value }) => `${label}: ${value}`);
    pending.push({
      ...{ id: approval.promptId, kind: 'approval' },
      ask: {
        title: approval.title,
        details: [approval.message ?? '', ...fields].filter((text) => text !== '').join('\n'),
        choices: (approval.actions ?? DEFAULT_ACTIONS).map(({ id, label }) => ({ label, value: id })),
      },
    });
  }
  if (trust !== null) {
    pending.push({
      id: trust.promptId,
      ask: {
        title: 'Trust these plugins?',
        details: trust.pluginNames.map((name, at) => lines(name, trust.pluginSummaries[at], '  ')).join('\n'),
        choices: [
          { label: 'Trust', value: true },
          { label: 'Do not load', value: false },
        ],
      },
    });
  }
  return pending;
}

const DEFAULT_ACTIONS = [
  { id: 'approve', label: 'Approve' },
  { id: 'deny', label: 'Deny' },
];

/** Several questions at once are answered by a line each. */
function ofQuestion({ toolCallId, questions }: NonNullable<SessionMetaState['pendingQuestion']>): TerminalPrompt {
  const [first, ...others] = questions;
  if (others.length === 0) {
    return {
      ...{ id: toolCallId, kind: 'question' },
      ask: {
        title: first?.question ?? 'The agent asks',
        details: '',
        choices: (first?.options ?? []).map((option) => ({ label: option, value: option })),
        write: { placeholder: 'Your answer', prefill: '', long: false },
      },
    };
  }
  return {
    ...{ id: toolCallId, kind: 'question' },
    ask: {
      title: 'The agent asks',
      details: questions
        .map(({ question, options }, at) => lines(`${at + 1}. ${question}`, options.join(' · '), '   '))
        .join('\n'),
      choices: [],
      write: { placeholder: 'A line for each question', prefill: '', long: true },
    },
    read: (text) => text.split('\n').map((answer) => answer.trim()),
  };
}

function ofDialog(dialog: DialogItem): TerminalPrompt {
  const { id, method, title, message = '', options, placeholder = '', prefill = '', expiresAt } = dialog;
  const isWritten = method === 'input' || method === 'editor';
  const choices =
    method === 'confirm'
      ? [
          { label: 'Yes', value: true },
          { label: 'No', value: false },
        ]
      : options.map((option) => ({ label: option, value: option }));
  return {
    id,
    ask: {
      title,
      details: message,
      choices: isWritten ? [] : choices,
      ...(isWritten ? { write: { placeholder, prefill, long: method === 'editor' } } : {}),
    },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function lines(title: string, text: string | undefined, indent: string): string {
  return text === undefined || text === '' ? title : `${title}\n${indent}${text}`;
}
