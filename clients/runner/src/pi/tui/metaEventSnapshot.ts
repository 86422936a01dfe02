import { isMetaRelayEvent, type MetaRelayEvent, type SessionEvent } from '@pizzapi/protocol';

/** What opens a slot of the meta state, by what clears it. */
const OPENED_BY: Partial<Record<MetaRelayEvent['type'], MetaRelayEvent['type']>> = {
  question_cleared: 'question_pending',
  plan_cleared: 'plan_pending',
  approval_cleared: 'approval_pending',
  plugin_trust_resolved: 'plugin_trust_required',
  compact_ended: 'compact_started',
};

/** The id in an opening or clearing event. */
function idIn(event: MetaRelayEvent): string | undefined {
  switch (event.type) {
    case 'question_pending':
      return event.question.toolCallId;
    case 'plan_pending':
      return event.plan.toolCallId;
    case 'approval_pending':
      return event.approval.promptId;
    case 'plugin_trust_required':
      return event.prompt.promptId;
    case 'question_cleared':
    case 'plan_cleared':
      return event.toolCallId;
    case 'approval_cleared':
    case 'plugin_trust_resolved':
      return event.promptId;
    default:
      return undefined;
  }
}

/** The meta events that made the state what it is now: the last of each kind, without what was cleared since. */
export class MetaEventSnapshot {
  readonly #last = new Map<string, MetaRelayEvent>();

  note(event: SessionEvent): void {
    if (!isMetaRelayEvent(event)) return;
    const opened = OPENED_BY[event.type];
    if (opened === undefined) {
      this.#last.set(event.type, event);
      return;
    }
    const open = this.#last.get(opened);
    if (open !== undefined && idIn(open) === idIn(event)) this.#last.delete(opened);
  }

  /** In the order in which they were first said. */
  events(): MetaRelayEvent[] {
    return [...this.#last.values()];
  }
}
