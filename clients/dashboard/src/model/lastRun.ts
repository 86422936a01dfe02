import { arrayAt, isMap, mapAt, stringAt, stripMarkdown, type UnknownMap } from '@pizzapi/protocol';
import { cut } from './promptPreview.js';

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

/** The first paragraph, in one line and without the marks of Markdown. */
function oneLine(text: string): string {
  const first = text.trim().split(/\n\s*\n/, 1)[0] ?? '';
  return cut(stripMarkdown(first).replace(/\s+/g, ' ').trim(), 200);
}
