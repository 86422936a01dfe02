import { byLinkText } from '../../guests.js';
import { arrayAt, isMap, mapAt, stringAt } from '../../json.js';
import { oneLine, shorten } from '../../text.js';
import type { LinkFacts, NoticeItem } from './types.js';

/** The number of characters of a text from another session that one line shows. */
const LINE_SHOWN = 200;

/** Returns a link item as one line, for views that show only that line. */
export function linkSummary(link: LinkFacts): Pick<NoticeItem, 'level' | 'text'> {
  const failed = link.receipt === 'failed' || link.receipt === 'late';
  const level = failed ? 'error' : link.trigger === 'session_error' || link.state === 'timed_out' ? 'warning' : 'info';
  const parts = [lineOf(link), stateOf(link), receiptOf(link)].filter((part) => part !== '');
  return { level, text: parts.join(' ') };
}

function lineOf({ kind, id, sessionId = '', name, text = '', trigger = '', payload, guests }: LinkFacts): string {
  const other = sessionId === '' ? '' : ` ${sessionId}`;
  switch (kind) {
    case 'spawn':
      return `Started the session ${name ?? sessionId}${guests === undefined ? '' : ` for ${byLinkText(guests)}`}: ${short(text)}`;
    case 'trigger_sent':
      return `To its parent session: ${triggerLine(trigger, payload)}`;
    case 'trigger_received':
      return `From the child session${other}: ${triggerLine(trigger, payload)}`;
    case 'message_sent':
      return `To the session${other}: ${short(text)}`;
    case 'message_received':
      return `From the session${other}: ${short(text)}`;
    case 'cleanup':
      return `Ends the child session ${id}.`;
    case 'unlinked':
      return `The session ${id} ended the link.`;
    case 'delink_children':
      return 'Ended the links to its child sessions.';
    case 'delink_own_parent':
      return 'Ended the link to its parent session.';
  }
}

/** Returns a trigger as one line: its question or its message. */
function triggerLine(trigger: string, payload: unknown): string {
  const map = isMap(payload) ? payload : {};
  switch (trigger) {
    case 'ask_user_question': {
      const questions = arrayAt(map, 'questions').map((each) =>
        isMap(each) ? (stringAt(each, 'question') ?? '') : '',
      );
      return `a question: ${short(questions.join(' '))}`;
    }
    case 'plan_review':
      return `a plan to review: ${short(stringAt(mapAt(map, 'plan') ?? {}, 'title') ?? '')}`;
    case 'session_complete':
      return `it is done: ${short(stringAt(map, 'text') ?? '')}`;
    case 'session_error':
      return `it failed: ${short(stringAt(map, 'message') ?? '')}`;
    case 'escalate':
      return `something to decide: ${short(stringAt(map, 'text') ?? '')}`;
    default:
      return short(trigger);
  }
}

function stateOf({ state, response, by }: LinkFacts): string {
  switch (state) {
    case 'answered': {
      const answer =
        response === undefined ? '' : `: ${short(typeof response === 'string' ? response : JSON.stringify(response))}`;
      return `(${by === undefined || by.via === 'agent' ? 'answered' : 'answered by a person'}${answer})`;
    }
    case 'timed_out':
      return '(expired without an answer)';
    case 'withdrawn':
      return '(withdrawn)';
    default:
      return '';
  }
}

function receiptOf({ receipt: outcome, error }: LinkFacts): string {
  switch (outcome) {
    case 'queued':
      return '(waiting for its runner)';
    case 'late':
      return '(too late)';
    case 'failed':
      return `(not delivered: ${error?.message ?? 'unknown reason'})`;
    default:
      return '';
  }
}

function short(text: string): string {
  return shorten(oneLine(text), LINE_SHOWN);
}
