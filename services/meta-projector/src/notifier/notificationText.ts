import { arrayAt, isMap, mapAt, stringAt, type UnknownMap } from '@pizzapi/protocol';

/** Characters of a notification's text and of its title: what a lock screen shows, well below what a push can carry. */
const BODY_LENGTH = 240;
const TITLE_LENGTH = 80;

/** One line, cut with an ellipsis. */
function shorten(text: string, length: number): string {
  const characters = [...text.replace(/[\s\p{Cc}]+/gu, ' ').trim()];
  return characters.length <= length
    ? characters.join('')
    : `${characters
        .slice(0, length - 1)
        .join('')
        .trimEnd()}…`;
}

export const shortBody = (text: string): string => shorten(text, BODY_LENGTH);

/** What a session is called where there is room for little. */
export function notificationTitle(info: { name: string; firstPrompt?: string | undefined } | undefined): string {
  const { name = '', firstPrompt = '' } = info ?? {};
  return shorten(name, TITLE_LENGTH) || shorten(firstPrompt, TITLE_LENGTH) || 'A session';
}

/** The text of a message, without what is not text. */
export function messageText(message: UnknownMap): string {
  const { content } = message;
  if (typeof content === 'string') return content;
  const texts = arrayAt(message, 'content').map((block) =>
    isMap(block) && block['type'] === 'text' ? (stringAt(block, 'text') ?? '') : '',
  );
  return texts.join(' ');
}

/** What a prompt of an event asks, in one line. */
export function promptText(type: string, event: UnknownMap): string {
  switch (type) {
    case 'question_pending': {
      const questions = arrayAt(mapAt(event, 'question') ?? {}, 'questions').filter(isMap);
      const [first] = questions;
      const more = questions.length > 1 ? ` (and ${questions.length - 1} more)` : '';
      const options = arrayAt(first ?? {}, 'options').filter((option) => typeof option === 'string');
      const choices = options.length === 0 ? '' : ` ${options.join(' · ')}`;
      return shortBody(`${stringAt(first ?? {}, 'question') ?? 'The agent has a question.'}${choices}${more}`);
    }
    case 'plan_pending':
      return shortBody(`A plan to approve: ${stringAt(mapAt(event, 'plan') ?? {}, 'title') ?? ''}`);
    case 'approval_pending': {
      const approval = mapAt(event, 'approval') ?? {};
      const parts = [stringAt(approval, 'title'), stringAt(approval, 'message')].filter((part) => part !== undefined);
      return shortBody(parts.join(' '));
    }
    case 'plugin_trust_required':
      return shortBody(`Trust ${arrayAt(mapAt(event, 'prompt') ?? {}, 'pluginNames').join(', ')}?`);
    case 'session_trigger':
      return shortBody(`Something to decide: ${stringAt(mapAt(event, 'payload') ?? {}, 'text') ?? ''}`);
    default: {
      const parts = [stringAt(event, 'title'), stringAt(event, 'message')].filter((part) => part !== undefined);
      return shortBody(parts.join(' '));
    }
  }
}
