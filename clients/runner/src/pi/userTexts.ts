import type { SessionEntry } from '@mariozechner/pi-coding-agent';

/** The text of a user message of the history; undefined for every other entry. */
export function userText(entry: SessionEntry): string | undefined {
  if (entry.type !== 'message' || entry.message.role !== 'user') return undefined;
  const { content } = entry.message;
  return typeof content === 'string' ? content : content.map((block) => ('text' in block ? block.text : '')).join('');
}
