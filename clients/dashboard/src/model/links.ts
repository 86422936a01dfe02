import {
  arrayAt,
  byLinkText,
  isMap,
  mapAt,
  planText,
  stringAt,
  stringsAt,
  type LinkFacts,
  type MetaPendingPlan,
} from '@pizzapi/protocol';
import { answerText } from './promptOutcome.js';
import { authorText, type Viewpoint } from './author.js';
import type { ReceiptStage } from './receipts.js';

/** Which icon stands for what went between two sessions. */
export type LinkIcon = 'spawn' | 'question' | 'plan' | 'done' | 'error' | 'escalate' | 'message' | 'end' | 'unlink';

/** What a row of the transcript says of a linked session. */
export interface LinkView {
  icon: LinkIcon;
  /** Before and after the name of the other session. */
  before: string;
  after: string;
  /** What was said, as Markdown; with its options, where some were given. */
  text: string;
  /** What became of it, unless it is still open. */
  outcome?: { text: string; tone: 'plain' | 'good' | 'bad' };
  /** It waits for an answer. */
  open: boolean;
  /** How far something that was sent has come. */
  receipt?: { stage: ReceiptStage; text?: string };
}

/** The row in words. `reader`: who looks, to whom people are named. */
export function linkView(link: LinkFacts, reader: Viewpoint): LinkView {
  const outcome = outcomeOf(link, reader);
  const receipt = receiptOf(link);
  return {
    ...saidBy(link),
    text: textOf(link),
    open: link.state === 'open',
    ...(outcome === undefined ? {} : { outcome }),
    ...(receipt === undefined ? {} : { receipt }),
  };
}

const SENT: Readonly<Record<string, { icon: LinkIcon; before: string; after: string }>> = {
  ask_user_question: { icon: 'question', before: 'Asked', after: '' },
  plan_review: { icon: 'plan', before: 'Asked', after: 'to review its plan' },
  session_complete: { icon: 'done', before: 'Notified', after: 'that it is done' },
  session_error: { icon: 'error', before: 'Notified', after: 'that it failed' },
  escalate: { icon: 'escalate', before: 'Passed a decision to', after: '' },
};
const RECEIVED: Readonly<Record<string, { icon: LinkIcon; before: string; after: string }>> = {
  ask_user_question: { icon: 'question', before: '', after: 'asks' },
  plan_review: { icon: 'plan', before: '', after: 'has a plan to review' },
  session_complete: { icon: 'done', before: '', after: 'is done' },
  session_error: { icon: 'error', before: '', after: 'failed' },
  escalate: { icon: 'escalate', before: '', after: 'hands a decision on' },
};

function saidBy({ kind, trigger = '', guests }: LinkFacts): Pick<LinkView, 'icon' | 'before' | 'after'> {
  switch (kind) {
    case 'spawn':
      return { icon: 'spawn', before: 'Started', after: guests === undefined ? '' : `for ${byLinkText(guests)}` };
    case 'trigger_sent':
      return SENT[trigger] ?? { icon: 'escalate', before: `Sent “${trigger}” to`, after: '' };
    case 'trigger_received':
      return RECEIVED[trigger] ?? { icon: 'escalate', before: '', after: `sent “${trigger}”` };
    case 'message_sent':
      return { icon: 'message', before: 'To', after: '' };
    case 'message_received':
      return { icon: 'message', before: 'From', after: '' };
    case 'cleanup':
      return { icon: 'end', before: 'Ends', after: '' };
    case 'unlinked':
      return { icon: 'unlink', before: '', after: 'ended the link' };
    case 'delink_children':
      return { icon: 'unlink', before: 'Ended the links to its child sessions', after: '' };
    case 'delink_own_parent':
      return { icon: 'unlink', before: 'Ended the link to its parent session', after: '' };
  }
}

function textOf({ kind, trigger, text = '', payload }: LinkFacts): string {
  if (trigger === undefined) return text;
  // What a child says last stands right above.
  return kind === 'trigger_sent' && trigger === 'session_complete' ? '' : payloadText(trigger, payload);
}

/** Total: what comes from another session may be anything. */
function payloadText(trigger: string, payload: unknown): string {
  const map = isMap(payload) ? payload : {};
  switch (trigger) {
    case 'ask_user_question':
      return questionsText(map);
    case 'plan_review':
      return planOf(mapAt(map, 'plan') ?? {});
    case 'session_error':
      return stringAt(map, 'message') ?? '';
    case 'escalate': {
      const of = mapAt(map, 'of');
      const handed = of === undefined ? '' : payloadText(stringAt(of, 'trigger') ?? '', of['payload']);
      return [stringAt(map, 'text') ?? '', handed].filter((part) => part !== '').join('\n\n');
    }
    default:
      return stringAt(map, 'text') ?? '';
  }
}

function questionsText(payload: Readonly<Record<string, unknown>>): string {
  const questions = arrayAt(payload, 'questions').filter(isMap);
  return questions
    .map((each, i) => {
      const options = stringsAt(each, 'options');
      const number = questions.length > 1 ? `${i + 1}. ` : '';
      return `${number}${stringAt(each, 'question') ?? ''}${options.length === 0 ? '' : ` (${options.join(' · ')})`}`;
    })
    .join('\n');
}

function planOf(plan: Readonly<Record<string, unknown>>): string {
  const steps = arrayAt(plan, 'steps')
    .filter(isMap)
    .map((step): NonNullable<MetaPendingPlan['steps']>[number] => {
      const description = stringAt(step, 'description');
      return { title: stringAt(step, 'title') ?? '', ...(description === undefined ? {} : { description }) };
    });
  const description = stringAt(plan, 'description');
  const whole = { title: stringAt(plan, 'title') ?? '', ...(description === undefined ? {} : { description }), steps };
  return planText(whole).replace(/^# (.*)/, '**$1**');
}

function outcomeOf({ state, response, by, kind }: LinkFacts, reader: Viewpoint): LinkView['outcome'] {
  switch (state) {
    case 'answered': {
      const person = by === undefined || by.via === 'agent' ? undefined : (authorText(by, reader) ?? 'You');
      const who = person ?? (kind === 'trigger_sent' ? 'Its parent' : 'The agent');
      const answer = answerText(response);
      return { tone: 'good', text: answer === undefined ? `${who} answered.` : `${who} answered: “${answer}”` };
    }
    case 'timed_out':
      return { tone: 'bad', text: 'Expired without an answer.' };
    case 'withdrawn':
      return { tone: 'plain', text: 'No longer asked.' };
    default:
      return undefined;
  }
}

function receiptOf({ kind, receipt, error }: LinkFacts): LinkView['receipt'] {
  const what = kind === 'trigger_received' ? 'The answer ' : '';
  switch (receipt) {
    case undefined:
      return undefined;
    case 'queued':
      return { stage: 'queued', text: what === '' ? 'Waiting for its host' : `${what}is waiting for its host` };
    case 'delivered':
      return { stage: 'delivered', ...(what === '' ? {} : { text: `${what}was delivered` }) };
    case 'late':
      return { stage: 'refused', text: what === '' ? 'Too late' : `${what}was too late` };
    case 'failed':
      return {
        stage: 'refused',
        text: `${what === '' ? 'Not' : `${what}was not`} delivered: ${error?.message ?? 'unknown reason'}`,
      };
  }
}
