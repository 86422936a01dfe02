import { arrayAt, isMap, mapAt, stringAt, type UnknownMap } from '../json.js';

/**
 * How a run of the agent stands. `failing`: it stopped with an error, and the agent may retry by itself. `aborted`: a
 * person stopped it. `interrupted`: its host was stopped or died.
 */
export type AgentRunStatus = 'working' | 'failing' | 'completed' | 'failed' | 'aborted' | 'interrupted';

/** A run of the agent, as far as its events go. */
export interface AgentRun {
  status: AgentRunStatus;
  /** The agent has begun it. */
  hasBegun: boolean;
  /** The host said that it stops. Without this, an interruption is what a new process of the session implies. */
  isHostStopped?: boolean;
  /** The text of the agent's last message in this run that has one, with its Markdown. */
  text: string;
  /** Why it failed, where the events have it. */
  error?: string;
  /** `stopReason` of the agent's last message in this run. */
  stopReason?: string;
}

/** A run of which no event is known yet. */
export function initialAgentRun(): AgentRun {
  return { status: 'working', hasBegun: false, text: '' };
}

/** A run that a person asked for and of which no event is known yet: the restart of its host ends it as well. */
export function requestedAgentRun(): AgentRun {
  return { ...initialAgentRun(), hasBegun: true };
}

/**
 * The run after an event. Total: an event that says nothing about the run returns the very same run. `agent_start` begins
 * a new one.
 */
export function evolveRun(run: AgentRun, event: unknown): AgentRun {
  if (!isMap(event)) return run;
  switch (event['type']) {
    case 'agent_start':
      return requestedAgentRun();
    case 'message_end':
      return withMessage(run, mapAt(event, 'message') ?? {});
    case 'agent_end':
      return { ...run, status: statusAtEnd(run) };
    case 'auto_retry_start':
      return { ...run, status: 'working' };
    case 'auto_retry_end':
      return event['success'] === false ? failed(run, stringAt(event, 'finalError')) : run;
    case 'compaction_end':
      return event['willRetry'] === true ? { ...run, status: 'working' } : run;
    case 'run_interrupted':
      return isUnderWay(run) ? { ...run, status: 'interrupted', isHostStopped: true } : run;
    case 'session_resumed':
      // Another process has the session. What the earlier one has left may still end the run: it follows in the log.
      return isUnderWay(run) && run.hasBegun ? { ...run, status: 'interrupted' } : run;
    case 'session_ended':
      return atSessionEnd(run, event);
    default:
      return run;
  }
}

/** Whether the event between both was the stop or the death of the host in the middle of a run. */
export function isInterruption(before: AgentRun, after: AgentRun): boolean {
  return after.status === 'interrupted' && before.status !== 'interrupted';
}

/** Whether the run failed, or will have failed unless the agent retries. */
export function isFailure({ status }: AgentRun): boolean {
  return status === 'failing' || status === 'failed';
}

/** The text of a message: its text blocks, joined by `separator`. */
export function messageText(message: UnknownMap, separator = ''): string {
  const { content } = message;
  if (typeof content === 'string') return content;
  return arrayAt(message, 'content')
    .flatMap((block) => (isMap(block) && block['type'] === 'text' ? (stringAt(block, 'text') ?? []) : []))
    .join(separator);
}

function withMessage(run: AgentRun, message: UnknownMap): AgentRun {
  if (message['role'] !== 'assistant') return run;
  const [stopReason, error] = [stringAt(message, 'stopReason'), stringAt(message, 'errorMessage')];
  // A message that only calls a tool has no text: the text before it stays.
  return {
    status: run.status,
    ...(run.isHostStopped === true ? { isHostStopped: true } : {}),
    hasBegun: run.hasBegun,
    text: messageText(message, ' ').trim() === '' ? run.text : messageText(message, ' '),
    ...(stopReason === undefined ? {} : { stopReason }),
    ...(error === undefined ? {} : { error }),
  };
}

function isUnderWay({ status }: AgentRun): boolean {
  return status === 'working' || status === 'failing';
}

function statusAtEnd({ stopReason, isHostStopped = false }: AgentRun): AgentRunStatus {
  if (isHostStopped) return 'interrupted';
  if (stopReason === 'error') return 'failing';
  return stopReason === 'aborted' ? 'aborted' : 'completed';
}

/** A run that is over stays as it ended; the end of its session ends a run that is not. */
function atSessionEnd(run: AgentRun, event: UnknownMap): AgentRun {
  if (run.status === 'failing') return failed(run);
  if (run.status !== 'working') return run;
  const reason = event['reason'];
  if (reason === 'completed') return { ...run, status: 'completed' };
  if (reason === 'killed' || reason === 'expired') return { ...run, status: 'aborted' };
  return failed(run, stringAt(event, 'message'));
}

function failed(run: AgentRun, error = run.error): AgentRun {
  return { ...run, status: 'failed', ...(error === undefined ? {} : { error }) };
}
