import type { AgentSessionEvent, ExtensionContext, SessionEntry } from '@mariozechner/pi-coding-agent';
import { newId, type SessionEvent } from '@pizzapi/protocol';
import { historyEvents } from '../sessionImport.js';

type SessionManager = ExtensionContext['sessionManager'];

/** How far behind the leaf the entry of a message is searched. */
const NEAR = 16;
/** The messages whose events pi gives to extensions. It writes the others into its file only. */
const LIVE_ROLES: ReadonlySet<string> = new Set(['user', 'assistant', 'toolResult']);
/** Entries of which extensions get an event. */
const TOLD: ReadonlySet<string> = new Set(['model_change', 'thinking_level_change', 'compaction']);

/** Whether pi gives the events of a message with this role to extensions, and writes the message into its file then. */
export const isLive = (role: string): boolean => LIVE_ROLES.has(role);

type Message = Extract<AgentSessionEvent, { type: 'message_end' }>['message'];

/** Whether a run ends with this message, unless something steers it: the agent calls no tool. */
export function isLastWord(message: Message): boolean {
  return message.role === 'assistant' && message.content.every(({ type }) => type !== 'toolCall');
}

/**
 * Follows the entries of pi's session. Some things that happen are an entry there and no event for extensions: a shell
 * command of the person, a new name, a message of another extension.
 */
export class EntryFollower {
  #known = 0;
  #leaf: string | null = null;

  /** Everything so far is in the log. */
  skip(sessions: SessionManager): void {
    this.#known = sessions.getEntries().length;
    this.#leaf = sessions.getLeafId();
  }

  /** The events of the entries that came since, except of those that have events of their own. */
  follow(sessions: SessionManager): SessionEvent[] {
    const leaf = sessions.getLeafId();
    if (leaf === this.#leaf) return [];
    this.#leaf = leaf;
    const entries = sessions.getEntries();
    const added = entries.slice(this.#known);
    this.#known = entries.length;
    return added.filter((entry) => !hasEvent(entry)).flatMap(eventsOf);
  }
}

/** Messages that pi writes into its file without an event. Others, such as its system prompt, stay out of the log. */
const WRITTEN_ROLES: ReadonlySet<string> = new Set(['bashExecution']);

const hasEvent = (entry: SessionEntry): boolean =>
  TOLD.has(entry.type) || (entry.type === 'message' && !WRITTEN_ROLES.has(entry.message.role));

/** The importer numbers messages by their line. A live log gives new ids. */
function eventsOf(entry: SessionEntry): SessionEvent[] {
  const messageId = newId('m');
  return historyEvents([entry]).map((event) =>
    event.type === 'message_start' || event.type === 'message_end' ? { ...event, messageId } : event,
  );
}

/** The entry of a message that pi has appended, or null. */
export function entryOfMessage(
  sessions: SessionManager,
  message: { role: string; timestamp?: unknown },
): string | null {
  let entry = sessions.getLeafEntry();
  for (let n = 0; n < NEAR && entry !== undefined; n++) {
    if (entry.type === 'message') {
      const stored = entry.message;
      const isSame = stored.role === message.role && stored.timestamp === message.timestamp;
      if (stored === message || isSame) return entry.id;
    }
    entry = entry.parentId === null ? undefined : sessions.getEntry(entry.parentId);
  }
  return null;
}
