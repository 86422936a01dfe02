import { stripMarkdown, textOf, type TranscriptItem } from '@pizzapi/protocol';

/** What an announcement depends on. */
export interface AnnouncedState {
  isLoaded: boolean;
  isBusy: boolean;
  isEnded: boolean;
  /** The prompts that wait for the person. */
  asks: readonly { id: string; title: string }[];
}

/** Characters of an answer that are said: its beginning. The rest is in the transcript. */
const SAID = 240;

/** What to say to a screen reader after a change; undefined when there is nothing new. */
export function announcementOf(
  before: AnnouncedState,
  now: AnnouncedState,
  items: () => readonly TranscriptItem[],
): string | undefined {
  // What was there when the page was opened is no news.
  if (!before.isLoaded) return undefined;
  const asked = now.asks.find(({ id }) => !before.asks.some((other) => other.id === id));
  if (asked !== undefined) return `The agent asks: ${asked.title}`;
  if (now.isEnded && !before.isEnded) return 'The session has ended.';
  if (now.isBusy && !before.isBusy) return 'The agent works.';
  if (now.isBusy || !before.isBusy) return undefined;
  const last = items().findLast((item) => item.kind === 'message');
  if (last?.kind !== 'message' || last.role !== 'assistant') return 'The agent is done.';
  if (last.stopReason === 'aborted') return 'The agent was stopped.';
  if (last.error !== undefined) return `The model reported an error. ${last.error}`;
  const answer = stripMarkdown(textOf(last)).replace(/\s+/g, ' ').trim();
  return answer === '' ? 'The agent is done.' : `The agent answered: ${shorten(answer)}`;
}

function shorten(text: string): string {
  if (text.length <= SAID) return text;
  return `${text.slice(0, SAID).replace(/\s+\S*$/, '')} …`;
}
