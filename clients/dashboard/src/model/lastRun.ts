import { arrayAt, isMap, mapAt, numberAt, stringAt, stripMarkdown, type UnknownMap } from '@pizzapi/protocol';
import { choicesOf, cut, fits, type PromptPreview, type Choice } from './promptPreview.js';

/** How a run of the agent ended. */
export interface LastRun {
  /** The last thing it said, in one line; may be empty. */
  text: string;
  /** `aborted`: somebody stopped it. */
  how: 'done' | 'aborted' | 'error';
}

/** How the last run ended, as far as the events tell. */
export function endingOf(events: readonly UnknownMap[]): LastRun | undefined {
  const message = events
    .filter(({ type }) => type === 'message_end')
    .map((event) => mapAt(event, 'message') ?? {})
    .findLast(({ role }) => role === 'assistant');
  if (message === undefined) return undefined;
  const blocks = arrayAt(message, 'content').filter(isMap);
  const said = blocks.map((block) => (block['type'] === 'text' ? (stringAt(block, 'text') ?? '') : '')).join(' ');
  const stop = stringAt(message, 'stopReason');
  if (stop === 'error') return { text: oneLine(stringAt(message, 'errorMessage') ?? said), how: 'error' };
  return { text: oneLine(said), how: stop === 'aborted' ? 'aborted' : 'done' };
}

/** The dialogs of extensions that are open: what they ask is in the log alone. */
export function dialogsIn(events: readonly UnknownMap[], ids: readonly string[]): PromptPreview[] {
  return events
    .filter(({ type, dialogId }) => type === 'dialog_opened' && ids.includes(String(dialogId)))
    .map(dialogOf);
}

function dialogOf(event: UnknownMap): PromptPreview {
  const options = arrayAt(event, 'options').filter((option) => typeof option === 'string');
  const [title, message] = [stringAt(event, 'title') ?? 'It asks something.', stringAt(event, 'message') ?? ''];
  const expiresAt = numberAt(event, 'expiresAt');
  const choices = event['method'] === 'confirm' ? YES_OR_NO : choicesOf(options);
  return {
    id: String(event['dialogId']),
    kind: 'dialog',
    title: cut(title),
    ...(message === '' ? {} : { text: cut(message) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    choices: fits(title, message) ? choices : [],
  };
}

const YES_OR_NO: readonly Choice[] = [
  { label: 'Yes', value: true, look: 'primary' },
  { label: 'No', value: false },
];

/** The first paragraph, in one line and without the marks of Markdown. */
function oneLine(text: string): string {
  const first = text.trim().split(/\n\s*\n/, 1)[0] ?? '';
  return cut(stripMarkdown(first).replace(/\s+/g, ' ').trim(), 200);
}
