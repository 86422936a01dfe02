import { spooledEvents } from '@pizzapi/backbone';
import type { SessionEvent, SessionEventType } from '@pizzapi/protocol';

/**
 * Facts that a repeated command says again, by what they are about. They are said and noted in pi's file in one go: a
 * process that dies in between leaves the fact in the spool, where its successor finds it.
 */
const IDENTITY_FIELDS: Partial<Record<SessionEventType, readonly string[]>> = {
  session_message: ['messageId', 'from', 'to', 'text'],
  session_trigger: ['triggerId'],
  session_unlinked: ['sessionId'],
  link_receipt: ['requestId', 'to', 'outcome'],
  trigger_received: ['triggerId'],
  trigger_response: ['triggerId', 'to'],
  trigger_closed: ['triggerId', 'how'],
};

/** What the process before this one said last. Saying it again is no news. */
export class SpoolDeduplicator {
  private constructor(private readonly facts: Set<string>) {}

  /** Looks at what a session left on the disk; before a writer is opened, which sends it. */
  static fromSpool(spoolDir: string, sid: string): SpoolDeduplicator {
    const events = spooledEvents(spoolDir, sid, Object.keys(IDENTITY_FIELDS));
    return new SpoolDeduplicator(new Set(events.map(aboutOf).filter((about) => about !== undefined)));
  }

  /** Whether an event repeats what the process before this one said. True once for each. */
  isDuplicate(event: SessionEvent): boolean {
    if (this.facts.size === 0) return false;
    const about = aboutOf(event);
    return about !== undefined && this.facts.delete(about);
  }
}

function aboutOf(event: SessionEvent): string | undefined {
  const keys = IDENTITY_FIELDS[event.type];
  if (keys === undefined) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...event };
  return JSON.stringify([event.type, ...keys.map((key) => fields[key] ?? null)]);
}
