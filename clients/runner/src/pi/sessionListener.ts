import type { AgentSession, AgentSessionEvent } from '@mariozechner/pi-coding-agent';
import type { GuestWork } from './guestWork.js';
import type { InboxDelivery } from './inboxDelivery.js';
import type { InputQueue } from './inputQueue.js';
import type { MessageOrigins } from './messageOrigins.js';
import type { ModelSettings } from './modelSettings.js';
import type { SessionParts } from './parts.js';
import type { QueueReporter } from './queueReporter.js';
import { repairHistory } from './repairedHistory.js';
import type { RunEnds } from './runEnds.js';
import type { SessionNotices } from './sessionNotices.js';
import { watchSwallowedErrors } from './swallowedErrors.js';
import type { Translator } from './translate.js';
import { recordsUsage } from './versions/usageEntries.js';

interface SessionListenerDeps {
  parts: SessionParts;
  translator: Translator;
  prompts: InputQueue;
  origins: MessageOrigins;
  queueReporter: QueueReporter;
  delivery: InboxDelivery;
  settings: ModelSettings;
  runEnds: RunEnds;
  guests: GuestWork;
  notices: Pick<SessionNotices, 'show' | 'guarded'>;
}

/** Gives the events of pi's agent and of its session to the parts that need them. */
export function listenTo(pi: AgentSession, deps: SessionListenerDeps): void {
  const { runEnds, guests, notices } = deps;
  const repair = repairHistory(pi);
  const watch = watchSwallowedErrors(pi, (what) => notices.show(what, 'error'));
  // One listener: the agent waits a turn of the event loop for each.
  pi.agent.subscribe((event) => {
    repair(event);
    watch();
    if (event.type === 'agent_start') runEnds.began();
    if (event.type === 'agent_end') runEnds.ended(event.messages);
    notices.guarded(() => guests.observeAgent(event));
  });
  const listen = sessionListener(deps);
  pi.subscribe((event) => notices.guarded(() => listen(event)));
}

/** Returns the listener of the events of pi's session, which gives each event to the parts that need it. */
function sessionListener(deps: SessionListenerDeps): (event: AgentSessionEvent) => void {
  const { parts, translator, prompts, origins, queueReporter, delivery, settings, runEnds, guests } = deps;
  return (event) => {
    if (event.type === 'queue_update') {
      prompts.inputs.queueChanged(event.steering, event.followUp, origins.submitted);
      queueReporter.report();
    }
    if (event.type === 'message_end') queueReporter.messageEnded();
    if (event.type === 'compaction_start') prompts.compacting(true);
    if (event.type === 'message_end' && event.message.role === 'user') queueMicrotask(() => delivery.recordRead());
    if (parts.live) translator.handle(event);
    if (event.type === 'tool_execution_end') {
      parts.tapped.delete(event.toolCallId);
      parts.readOnlyCalls.delete(event.toolCallId);
    }
    if (event.type === 'compaction_end') {
      prompts.compacting(false);
      settings.reportUsage();
    }
    if (recordsUsage(event)) settings.reportUsage();
    if (event.type === 'agent_end') runEnds.seen();
    guests.observe(event);
  };
}
