import type { SessionEntry } from '@mariozechner/pi-coding-agent';
import { isMap } from '@pizzapi/protocol';
import { LINK_ENTRY, type LinkState } from '../../linked/linkState.js';
import type { AgentInbox } from '../agentInbox.js';
import type { InboxMessage } from '../inboxEntries.js';
import { runResultOf, INTERRUPTED, type RunResult } from './runResult.js';

/** The ids of messages that are delivered a second time begin so. */
export const RETRY_PREFIX = 'again_';

type MessageEntry = Extract<SessionEntry, { type: 'message' }>;
const isMessage = (entry: SessionEntry): entry is MessageEntry => entry.type === 'message';

/** Whether a history ends in the middle of a run. */
const isCutOff = ({ message }: MessageEntry) => message.role !== 'assistant' || message.stopReason === 'toolUse';

/**
 * The message of a linked session that the agent was working on when its process died. Undefined where it was retried
 * before, and where the trigger that it reports is settled.
 */
export function interruptedMessage(
  entries: readonly SessionEntry[],
  inbox: Pick<AgentInbox, 'readAs'>,
  { received }: LinkState,
): InboxMessage | undefined {
  const last = entries.findLast(isMessage);
  if (last === undefined || !isCutOff(last)) return undefined;
  const input = entries.filter(isMessage).findLast(({ message }) => message.role === 'user');
  const message = input === undefined ? undefined : inbox.readAs(input.id);
  if (message?.policy !== 'retryInterrupted' || message.id.startsWith(RETRY_PREFIX)) return undefined;
  const isSettled = [...received.values()].some(
    ({ triggerId, over }) => over !== undefined && message.text.includes(triggerId),
  );
  return isSettled ? undefined : message;
}

/** The result of the last run of an earlier process, where that process could not report it. */
export function unreportedResult(entries: readonly SessionEntry[], sid: string): RunResult | undefined {
  const isReport = (entry: SessionEntry) =>
    entry.type === 'custom' &&
    entry.customType === LINK_ENTRY &&
    isMap(entry.data) &&
    entry.data['kind'] === 'reported' &&
    entry.data['sid'] === sid;
  const reported = entries.findLastIndex(isReport);
  const last = entries.slice(reported + 1).findLast(isMessage);
  // Without a message, the process died before the agent answered for the first time.
  if (last === undefined) return reported < 0 ? INTERRUPTED : undefined;
  // An abort by a person is reported at once, so this abort was the end of the process.
  const end = isCutOff(last) ? INTERRUPTED : runResultOf(last.message);
  return end?.reason === 'aborted' ? INTERRUPTED : end;
}
