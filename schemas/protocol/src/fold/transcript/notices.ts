import { byLinkText, guestsAt } from '../../guests.js';
import { numberAt, stringAt, type UnknownMap } from '../../json.js';
import type { NoticeItem } from './types.js';

type NoticeText = Pick<NoticeItem, 'notice' | 'level' | 'text'>;

const info = (notice: NoticeText['notice'], text: string): NoticeText => ({ notice, level: 'info', text });
const warning = (notice: NoticeText['notice'], text: string): NoticeText => ({ notice, level: 'warning', text });

const ENDINGS: Readonly<Record<string, string>> = {
  completed: 'Session ended.',
  killed: 'Session ended by request.',
  error: 'Session ended by an error.',
  expired: 'Session expired.',
  host_lost: 'Session ended: its runner did not reconnect.',
};

/**
 * Returns one line about an event that is no message, tool or dialog. Returns undefined when the transcript does not
 * show the event.
 */
export function noticeOf(type: string, event: UnknownMap): NoticeText | undefined {
  const text = (key: string) => stringAt(event, key) ?? '';
  switch (type) {
    case 'session_started':
      return info('started', `Session started in ${text('cwd')} with ${text('model')}${startedBy(event)}.`);
    case 'session_resumed':
      return info(
        'resumed',
        `The runner reconnected${event['isInterrupted'] === true ? '' : '; the session continues'}.`,
      );
    case 'session_ended': {
      const message = text('message');
      const reason = ENDINGS[text('reason')] ?? 'Session ended.';
      return {
        notice: 'ended',
        level: text('reason') === 'completed' ? 'info' : 'warning',
        text: message ? `${reason} ${message}` : reason,
      };
    }
    case 'session_info_changed':
      return info('name', `Named “${text('name')}”.`);
    case 'model_select':
      return info('model', `Model: ${text('model')}.`);
    case 'thinking_level_changed':
      return info('thinking', `Thinking: ${text('level') || 'off'}.`);
    case 'compaction_end':
      return compacted(event);
    case 'auto_retry_start': {
      const seconds = Math.round((numberAt(event, 'delayMs') ?? 0) / 100) / 10;
      const attempt = `${numberAt(event, 'attempt') ?? '?'} of ${numberAt(event, 'maxAttempts') ?? '?'}`;
      return warning('retry', `${text('errorMessage').replace(/[.\s]*$/, '')}. Retrying in ${seconds} s (${attempt}).`);
    }
    case 'auto_retry_end':
      return event['success'] === false
        ? { notice: 'retry', level: 'error', text: `Gave up. ${text('finalError')}`.trim() }
        : undefined;
    case 'session_tree':
      return info('tree', 'Returned to an earlier point of the conversation.');
    default:
      return undefined;
  }
}

function startedBy(event: UnknownMap): string {
  const guests = guestsAt(event, 'startedBy');
  return guests.length === 0 ? '' : ` for ${byLinkText(guests)}`;
}

function compacted(event: UnknownMap): NoticeText {
  if (event['aborted'] === true) return warning('compaction', 'Compaction was stopped.');
  const error = stringAt(event, 'errorMessage');
  if (error !== undefined) return { notice: 'compaction', level: 'error', text: `Compaction failed: ${error}` };
  return info('compaction', 'Earlier messages were summarised to free context.');
}
