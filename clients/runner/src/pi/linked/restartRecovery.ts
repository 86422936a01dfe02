import type { SessionEntry } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { LINK_ENTRY, type InboxMessage, type LinkState } from '../../linked/linkState.js';
import { userText } from '../userTexts.js';
import { runResultOf, INTERRUPTED, type RunResult } from './runResult.js';

/** Letters that were given a second time begin so. */
export const RETRY_PREFIX = 'again_';

type MessageEntry = Extract<SessionEntry, { type: 'message' }>;
const isMessage = (entry: SessionEntry): entry is MessageEntry => entry.type === 'message';

/** Whether a story ends in the middle of a run. */
const isCutOff = ({ message }: MessageEntry) => message.role !== 'assistant' || message.stopReason === 'toolUse';

/** The letter that the agent had read and not dealt with when its process died. Once: then it is left to people. */
export function interruptedMessage(
  entries: readonly SessionEntry[],
  { letters, received }: LinkState,
): InboxMessage | undefined {
  const last = entries.findLast(isMessage);
  if (last === undefined || !isCutOff(last)) return undefined;
  const text = entries.map(userText).findLast((said) => said !== undefined);
  const letter = [...letters.values()].findLast((each) => each.text === text);
  if (letter === undefined || letter.id.startsWith(RETRY_PREFIX)) return undefined;
  const settled = [...received.values()].some(
    ({ triggerId, over }) => over !== undefined && letter.text.includes(triggerId),
  );
  return settled ? undefined : letter;
}

/** How the last run of an earlier process went, where that could not tell any more. */
export function unreportedResult(entries: readonly SessionEntry[], sid: string): RunResult | undefined {
  const isReport = (entry: SessionEntry) =>
    entry.type === 'custom' &&
    entry.customType === LINK_ENTRY &&
    isMap(entry.data) &&
    entry.data['kind'] === 'reported' &&
    entry.data['sid'] === sid;
  const reported = entries.findLastIndex(isReport);
  const last = entries.slice(reported + 1).findLast(isMessage);
  // Nothing at all: it died before the agent answered for the first time.
  if (last === undefined) return reported < 0 ? INTERRUPTED : undefined;
  // A person's stop was told at once: this one was of the process.
  const end = isCutOff(last) ? INTERRUPTED : runResultOf(last.message);
  return end?.reason === 'aborted' ? INTERRUPTED : end;
}
