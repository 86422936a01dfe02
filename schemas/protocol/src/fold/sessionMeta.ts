import Type from 'typebox';
import { Check } from 'typebox/schema';
import type { EventOf } from '../events.js';
import { isMap } from '../json.js';
import { META_EVENT_FIELDS, type SessionMetaState } from '../meta.js';
import { ADDED_META_EVENT_FIELDS, SESSION_MODES, type SessionMode } from '../modes.js';

const FIELDS = { ...META_EVENT_FIELDS, ...ADDED_META_EVENT_FIELDS };

export type MetaEventType = keyof typeof FIELDS;

/** Any of the events that change the meta state: the 19 of the original protocol, and those that were added. */
export type MetaRelayEvent = { [T in MetaEventType]: EventOf<T> }[MetaEventType];

/**
 * The required shape of each meta event. Checked without compiling, because this fold runs in pages whose content
 * security policy forbids generated code.
 */
const SCHEMAS = new Map(
  Object.entries(FIELDS).map(([type, fields]) => [type, Type.Object(fields as Type.TProperties)]),
);

/** The types of the meta events of the original protocol. */
export const META_RELAY_EVENT_TYPES: ReadonlySet<string> = new Set(Object.keys(META_EVENT_FIELDS));

/** The meta state of a session without events. */
export function defaultMetaState(): SessionMetaState {
  return {
    todoList: [],
    pendingQuestion: null,
    pendingPlan: null,
    planModeEnabled: false,
    isCompacting: false,
    retryState: null,
    pendingPluginTrust: null,
    pendingApproval: null,
    mcpStartupReport: null,
    tokenUsage: null,
    providerUsage: null,
    thinkingLevel: null,
    authSource: null,
    model: null,
    goal: null,
    approvals: null,
    version: 0,
  };
}

/** Returns the modes of a session that are on, in the order in which lists show them. */
export function modesOf({
  planModeEnabled,
  approvals,
  goal,
}: Pick<SessionMetaState, 'planModeEnabled' | 'approvals' | 'goal'>): SessionMode[] {
  const isOn = { plan: planModeEnabled, approvals: approvals === 'ask', goal: goal?.status === 'active' };
  return SESSION_MODES.filter((mode) => isOn[mode]);
}

/** Returns whether an event is a meta event, by its type alone. Total over any value. */
export function isMetaRelayEvent(event: unknown): event is MetaRelayEvent {
  return isMap(event) && typeof event['type'] === 'string' && SCHEMAS.has(event['type']);
}

/**
 * Returns what a meta event changes, independent of the state; `{}` for any other value. A clear always empties its
 * slot here. `applyMetaEvent` knows the state and checks whether the clear names the id in the slot.
 */
export function metaEventToPatch(event: unknown): Partial<SessionMetaState> {
  if (!isMetaRelayEvent(event)) return {};
  switch (event.type) {
    case 'todo_updated':
      return patch('todoList', event.todoList);
    case 'question_pending':
      return patch('pendingQuestion', event.question);
    case 'question_cleared':
      return { pendingQuestion: null };
    case 'plan_pending':
      return patch('pendingPlan', event.plan);
    case 'plan_cleared':
      return { pendingPlan: null };
    case 'plan_mode_toggled':
      return patch('planModeEnabled', event.enabled);
    case 'compact_started':
      return { isCompacting: true };
    case 'compact_ended':
      return { isCompacting: false };
    case 'retry_state_changed':
      return patch('retryState', event.state);
    case 'plugin_trust_required':
      return patch('pendingPluginTrust', event.prompt);
    case 'plugin_trust_resolved':
      return { pendingPluginTrust: null };
    case 'approval_pending':
      return patch('pendingApproval', event.approval);
    case 'approval_cleared':
      return { pendingApproval: null };
    case 'mcp_startup_report':
      return patch('mcpStartupReport', event.report);
    case 'token_usage_updated':
      return { ...patch('tokenUsage', event.tokenUsage), ...patch('providerUsage', event.providerUsage) };
    case 'thinking_level_changed':
      return patch('thinkingLevel', event.level);
    case 'auth_source_changed':
      return patch('authSource', event.source);
    case 'model_changed':
      return patch('model', event.model);
    case 'goal_updated':
      return patch('goal', event.goal);
    case 'approvals_changed':
      return patch('approvals', event.mode);
  }
}

/** What only the living process of a session can end: it is over when that process is gone. */
const OF_THE_PROCESS = { isCompacting: false, retryState: null, pendingPluginTrust: null } as const;
/** What pi's file holds: the next process of the session asks it again, under the same id. */
const OF_THE_SESSION = { pendingQuestion: null, pendingPlan: null, pendingApproval: null } as const;

/** Events that begin or end the process of a session. */
const LIFECYCLE: ReadonlySet<string> = new Set(['session_resumed', 'session_ended']);

/** Returns whether an event of this type can change the meta state: a meta event, or the end of a process. */
export function canChangeMeta(type: string): boolean {
  return SCHEMAS.has(type) || LIFECYCLE.has(type);
}

/**
 * Returns what the end of a process changes. `session_resumed`: another process begins. `session_ended`: no process
 * continues, unless the host was only lost.
 */
function endOfProcess(event: unknown): Partial<SessionMetaState> {
  if (!isMap(event)) return {};
  if (event['type'] === 'session_resumed') return OF_THE_PROCESS;
  if (event['type'] !== 'session_ended') return {};
  return event['reason'] === 'host_lost' ? OF_THE_PROCESS : { ...OF_THE_PROCESS, ...OF_THE_SESSION };
}

/**
 * Returns the next state. Total. Returns the same object for an event that changes nothing: an event that is no meta
 * event and ends no process, an event in the wrong shape, and a clear of another id than the pending one. So
 * `next !== state` is true only when something changed.
 */
export function applyMetaEvent(state: SessionMetaState, event: unknown): SessionMetaState {
  const ended = Object.entries(endOfProcess(event)).filter(([key, value]) => Reflect.get(state, key) !== value);
  if (ended.length > 0) return { ...state, ...Object.fromEntries(ended), version: state.version + 1 };
  if (!isMetaRelayEvent(event) || !Check(SCHEMAS.get(event.type)!, event) || isStaleClear(state, event)) return state;
  return { ...state, ...metaEventToPatch(event), version: state.version + 1 };
}

function isStaleClear(state: SessionMetaState, event: MetaRelayEvent): boolean {
  switch (event.type) {
    case 'question_cleared':
      return state.pendingQuestion?.toolCallId !== event.toolCallId;
    case 'plan_cleared':
      return state.pendingPlan?.toolCallId !== event.toolCallId;
    case 'approval_cleared':
      return state.pendingApproval?.promptId !== event.promptId;
    case 'plugin_trust_resolved':
      return state.pendingPluginTrust?.promptId !== event.promptId;
    default:
      return false;
  }
}

function patch<K extends keyof SessionMetaState>(
  key: K,
  value: SessionMetaState[K] | undefined,
): Partial<SessionMetaState> {
  return value === undefined ? {} : { [key]: value };
}
