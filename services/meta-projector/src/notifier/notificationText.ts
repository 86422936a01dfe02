import {
  applyMetaEvent,
  defaultMetaState,
  mapAt,
  NOTIFICATION_TEXTS,
  oneLine,
  openedDialog,
  pendingPrompts,
  promptLine,
  shorten,
  stringAt,
  titleOf,
  type UnknownMap,
} from '@pizzapi/protocol';

/** Characters of a notification's text and of its title: what a lock screen shows, well below what a push can carry. */
const BODY_LENGTH = 240;
const TITLE_LENGTH = 80;

export const shortBody = (text: string): string => shorten(oneLine(text), BODY_LENGTH);

/** The title of a notification about a session. */
export function notificationTitle(info: { name: string; firstPrompt?: string | undefined } | undefined): string {
  const { name = '', firstPrompt = '' } = info ?? {};
  return shorten(titleOf({ name: oneLine(name), firstPrompt: oneLine(firstPrompt) }, 'A session'), TITLE_LENGTH);
}

/** What an event that opens a prompt asks, in one line. */
export function promptText(event: UnknownMap): string {
  if (event['type'] === 'session_trigger')
    return shortBody(`Something to decide: ${stringAt(mapAt(event, 'payload') ?? {}, 'text') ?? ''}`);
  const dialog = openedDialog(event);
  const [prompt] = pendingPrompts(applyMetaEvent(defaultMetaState(), event), dialog === undefined ? [] : [dialog]);
  return prompt === undefined ? NOTIFICATION_TEXTS.input : shortBody(promptLine(prompt));
}
