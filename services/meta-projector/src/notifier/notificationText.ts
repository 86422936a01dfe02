import {
  applyMetaEvent,
  defaultMetaState,
  mapAt,
  NOTIFICATION_TEXTS,
  openedDialog,
  pendingPrompts,
  promptLine,
  stringAt,
  type UnknownMap,
} from '@pizzapi/protocol';

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

/** What an event that opens a prompt asks, in one line. */
export function promptText(event: UnknownMap): string {
  if (event['type'] === 'session_trigger')
    return shortBody(`Something to decide: ${stringAt(mapAt(event, 'payload') ?? {}, 'text') ?? ''}`);
  const dialog = openedDialog(event);
  const [prompt] = pendingPrompts(applyMetaEvent(defaultMetaState(), event), dialog === undefined ? [] : [dialog]);
  return prompt === undefined ? NOTIFICATION_TEXTS.input : shortBody(promptLine(prompt));
}
