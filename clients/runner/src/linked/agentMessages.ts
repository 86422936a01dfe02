import { arrayAt, cutText, isMap, mapAt, planText, stringAt, stringsAt } from '@pizzapi/protocol';
import type { IncomingTrigger } from './linkState.js';

/** Characters of what a session tells its parent. */
const TOLD_SHOWN = 16_000;

/** A text that is not longer than what one session tells another. */
export function shortened(text: string): string {
  if (text.length <= TOLD_SHOWN) return text;
  const shown = cutText(text, TOLD_SHOWN);
  return `${shown}…\n(${text.length - shown.length} characters more)`;
}

const called = (child: string, name: string | undefined) =>
  name === undefined || name === '' ? `The child session ${child}` : `The child session "${name}" (${child})`;

/** What the agent of the parent reads when a child tells or asks something. */
export function triggerText(received: IncomingTrigger): string {
  const { triggerId, child, trigger, name, payload } = received;
  const who = called(child, name);
  const map = isMap(payload) ? payload : {};
  const answer =
    `Answer with the tool respond_to_trigger and the triggerId "${triggerId}". If you cannot know the answer, hand it ` +
    'on with escalate_trigger.';
  switch (trigger) {
    case 'ask_user_question':
      return `${who} asks:\n\n${questionsText(map)}\n\n${answer}`;
    case 'plan_review':
      return `${who} submits a plan for approval:\n\n${planOf(map)}\n\n${answer} The response is "approve", "reject", or what to change.`;
    case 'escalate':
      return `${who} wants you to decide:\n\n${stringAt(map, 'text') ?? ''}\n\n${answer}`;
    case 'session_complete':
      return `${who} is done. It says:\n\n${stringAt(map, 'text') ?? ''}\n\nGive it more to do with tell_child, or end it with cleanup_child_session.`;
    case 'session_error':
      return `${who} has failed: ${stringAt(map, 'message') ?? 'unknown reason'}\n\nTell it how to go on with tell_child if it is still there, or do without it.`;
    default:
      return `${who} says "${trigger}": ${JSON.stringify(payload ?? null)}`;
  }
}

function questionsText(payload: Record<string, unknown>): string {
  const questions = arrayAt(payload, 'questions').filter(isMap);
  const lines = questions.map((each) => {
    const options = stringsAt(each, 'options');
    return `${stringAt(each, 'question') ?? ''}${options.length === 0 ? '' : `\n  Options: ${options.join(' | ')}`}`;
  });
  if (lines.length < 2) return lines.join('');
  return `${lines.map((line, index) => `${index + 1}. ${line}`).join('\n')}\n(The response is a list with one answer to each.)`;
}

function planOf(payload: Record<string, unknown>): string {
  const plan = mapAt(payload, 'plan') ?? {};
  const description = stringAt(plan, 'description');
  const steps = arrayAt(plan, 'steps')
    .filter(isMap)
    .map((step) => ({ title: stringAt(step, 'title') ?? '' }));
  return planText({
    title: stringAt(plan, 'title') ?? '',
    steps,
    ...(description === undefined ? {} : { description }),
  });
}

/** Whether what a child asks is to approve a plan, its own or one that was handed on to it. */
export function asksForPlan({ trigger, payload }: Pick<IncomingTrigger, 'trigger' | 'payload'>): boolean {
  const handedOn = isMap(payload) ? mapAt(payload, 'of') : undefined;
  return trigger === 'plan_review' || (trigger === 'escalate' && handedOn?.['trigger'] === 'plan_review');
}

/** What a trigger asks, as questions to a person. */
export function questionsFor({ child, name, trigger, payload }: IncomingTrigger, note: string | undefined) {
  const map = isMap(payload) ? payload : {};
  const who = called(child, name);
  const said = note === undefined || note === '' ? '' : ` (${note})`;
  if (trigger === 'ask_user_question') {
    return arrayAt(map, 'questions')
      .filter(isMap)
      .map((each) => ({
        question: `${who} asks: ${stringAt(each, 'question') ?? ''}${said}`,
        options: stringsAt(each, 'options'),
      }));
  }
  if (trigger === 'plan_review') {
    return [{ question: `${who} submits a plan${said}:\n\n${planOf(map)}`, options: ['approve', 'reject'] }];
  }
  return [{ question: `${who} wants to know${said}: ${stringAt(map, 'text') ?? trigger}`, options: [] }];
}

/** A trigger in one line. */
export function aboutTrigger(trigger: string, payload: unknown): string {
  const map = isMap(payload) ? payload : {};
  if (trigger === 'ask_user_question') {
    return arrayAt(map, 'questions')
      .map((each) => (isMap(each) ? `"${stringAt(each, 'question') ?? ''}"` : ''))
      .join(', ');
  }
  if (trigger === 'plan_review') return `the plan "${stringAt(mapAt(map, 'plan') ?? {}, 'title') ?? ''}"`;
  return `"${stringAt(map, 'text') ?? trigger}"`;
}

/** An answer as text. */
function responseText(response: unknown): string {
  if (typeof response === 'string') return response;
  if (Array.isArray(response) && response.every((each) => typeof each === 'string')) {
    return response.length === 1 ? String(response[0]) : response.map((each) => `- ${String(each)}`).join('\n');
  }
  return JSON.stringify(response);
}

/** What the agent of a child reads when its parent answers something that it does not wait for. */
export function lateResponseText(about: string, response: unknown): string {
  return `Your parent session answers what you asked before (${about}):\n\n${responseText(response)}`;
}

/** `from`: the session that says it; undefined for a person. */
export function messageText(from: string | undefined, text: string, isParent: boolean): string {
  const who = from === undefined ? 'a person' : `${isParent ? 'your parent session' : 'the session'} ${from}`;
  return `Message from ${who}:\n\n${text}`;
}

/** What the agent reads when something it sent did not arrive. */
export function undeliveredText(what: string, to: string, outcome: string, error: string | undefined): string {
  const why = error ?? (outcome === 'late' ? 'it came too late' : 'unknown reason');
  return `${what} the session ${to} was not delivered: ${why}`;
}
