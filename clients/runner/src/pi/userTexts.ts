import type { SessionEntry } from '@mariozechner/pi-coding-agent';

/** The text of an entry of a story in which somebody speaks to the agent; undefined for every other one. */
export function userText(entry: SessionEntry): string | undefined {
  if (entry.type !== 'message' || entry.message.role !== 'user') return undefined;
  const { content } = entry.message;
  return typeof content === 'string' ? content : content.map((block) => ('text' in block ? block.text : '')).join('');
}

/** What people and others have said in a story. */
export function userTexts(entries: readonly SessionEntry[]): Set<string> {
  return new Set(entries.map(userText).filter((text) => text !== undefined));
}
