import { END_REASONS, type EndReason } from '../events.js';
import { guestsAt, type GuestRef } from '../guests.js';
import type { SessionInfo } from '../info.js';
import { isMap, mapAt, numberAt, stringAt, type UnknownMap } from '../json.js';
import { sessionPiOf } from '../piInfo.js';
import { SESSION_MODES, type SessionMode } from '../modes.js';
import { isSlashCommand } from '../sessionTitle.js';
import { cutText } from '../text.js';
import { META_RELAY_EVENT_TYPES } from './sessionMeta.js';

/** The number of characters of the first input that a list shows. */
const PROMPT_PREVIEW = 160;

/** Dialogs that show something and do not wait for a person. */
const INFORMING = new Set(['notify', 'status', 'widget']);

/** The state of a session before its first event. */
export function initialSessionInfo(sessionId: string): SessionInfo {
  return {
    sessionId,
    name: '',
    cwd: '',
    model: '',
    runnerId: '',
    userId: '',
    state: 'idle',
    epoch: 0,
    piVersion: '',
    startedAt: 0,
    lastActivityAt: 0,
    messages: 0,
    busy: false,
    waiting: [],
    cost: 0,
  };
}

/** Returns the next state of a session after one event. Pure and total: an unknown or invalid event changes nothing. */
export function applySessionInfo(info: SessionInfo, event: unknown): SessionInfo {
  if (!isMap(event) || typeof event['type'] !== 'string') return info;
  const next: SessionInfo = { ...info, ...changesOf(info, event['type'], event) };
  if (isActivity(event)) next.lastActivityAt = Math.max(info.lastActivityAt, numberAt(event, 'at') ?? 0);
  next.state = stateOf(next);
  return next;
}

/**
 * Whether the agent or a person does something. A session that wakes emits its settings, its queue and its open prompts
 * again: that is no activity, so that lists keep their order.
 */
function isActivity(event: UnknownMap): boolean {
  const type = stringAt(event, 'type') ?? '';
  if (type === 'command_result') return event['name'] !== 'attach_session';
  return !OF_WAKING.has(type) && !META_RELAY_EVENT_TYPES.has(type);
}

const OF_WAKING = new Set([
  'session_resumed',
  'approvals_changed',
  'dialog_opened',
  'queue_update',
  'guests_at_work',
  'run_interrupted',
]);

function stateOf(info: SessionInfo): SessionInfo['state'] {
  if (info.endedAt !== undefined) return 'ended';
  if (info.waiting.length > 0) return 'waiting';
  return info.busy ? 'working' : 'idle';
}

function changesOf(info: SessionInfo, type: string, event: UnknownMap): Partial<SessionInfo> {
  switch (type) {
    case 'session_started':
      return started(event);
    case 'session_resumed':
      return {
        epoch: numberAt(event, 'epoch') ?? info.epoch,
        ...piOf(event),
        ...(info.busy ? { interrupted: true } : {}),
        busy: false,
        waiting: [],
        endedAt: undefined,
        endReason: undefined,
        guestsAtWork: undefined,
      };
    case 'session_info_changed':
      return { name: stringAt(event, 'name') ?? info.name };
    case 'session_ended':
      return {
        endedAt: numberAt(event, 'at') ?? info.lastActivityAt,
        endReason: endReason(event),
        busy: false,
        interrupted: undefined,
        waiting: [],
        guestsAtWork: undefined,
      };
    case 'guests_at_work':
      return { guestsAtWork: someGuests(event, 'guests') };
    case 'agent_start':
      return { busy: true, interrupted: undefined };
    case 'run_interrupted':
      return { interrupted: true };
    case 'auto_retry_start':
      // Between two attempts the agent has ended its run, but is still busy.
      return { busy: true };
    case 'agent_end':
      // An earlier process had ended its run: what it had left in its spool follows the event of the next process.
      return { busy: false, ...(info.busy ? {} : { interrupted: undefined }) };
    case 'auto_retry_end':
      return event['success'] === false ? { busy: false } : {};
    case 'message_end':
      return { messages: info.messages + 1, ...firstPrompt(info, mapAt(event, 'message')) };
    case 'model_select':
      return { model: stringAt(event, 'model') ?? info.model };
    case 'model_changed':
      return modelChanged(mapAt(event, 'model'));
    case 'token_usage_updated':
      return { cost: numberAt(mapAt(event, 'tokenUsage') ?? {}, 'cost') ?? info.cost };
    case 'approvals_changed':
      return modes(info, 'approvals', event['mode'] === 'ask');
    case 'plan_mode_toggled':
      return modes(info, 'plan', event['enabled'] === true);
    case 'goal_updated':
      return modes(info, 'goal', mapAt(event, 'goal')?.['status'] === 'active');
    case 'dialog_opened':
      return INFORMING.has(stringAt(event, 'method') ?? '') ? {} : opened(info, stringAt(event, 'dialogId'));
    case 'dialog_resolved':
      return closed(info, stringAt(event, 'dialogId'));
    case 'question_pending':
      return opened(info, stringAt(mapAt(event, 'question') ?? {}, 'toolCallId'));
    case 'plan_pending':
      return opened(info, stringAt(mapAt(event, 'plan') ?? {}, 'toolCallId'));
    case 'approval_pending':
      return opened(info, stringAt(mapAt(event, 'approval') ?? {}, 'promptId'));
    case 'plugin_trust_required':
      return opened(info, stringAt(mapAt(event, 'prompt') ?? {}, 'promptId'));
    case 'question_cleared':
    case 'plan_cleared':
      return closed(info, stringAt(event, 'toolCallId'));
    case 'approval_cleared':
    case 'plugin_trust_resolved':
      return closed(info, stringAt(event, 'promptId'));
    case 'delink_own_parent':
      return UNLINKED;
    case 'session_unlinked':
      return event['sessionId'] === info.parentSessionId ? UNLINKED : NO_CHANGE;
    default:
      return NO_CHANGE;
  }
}

/** The change of a session that loses its parent. */
const UNLINKED: Partial<SessionInfo> = { parentSessionId: undefined };
const NO_CHANGE: Partial<SessionInfo> = {};

function started(event: UnknownMap): Partial<SessionInfo> {
  const fork = mapAt(event, 'forkedFrom');
  const parent = stringAt(event, 'parentSessionId');
  const startedBy = someGuests(event, 'startedBy');
  return {
    name: stringAt(event, 'name') ?? '',
    cwd: stringAt(event, 'cwd') ?? '',
    model: stringAt(event, 'model') ?? '',
    runnerId: stringAt(event, 'runnerId') ?? '',
    userId: stringAt(event, 'userId') ?? '',
    epoch: numberAt(event, 'epoch') ?? 0,
    piVersion: stringAt(event, 'piVersion') ?? '',
    ...piOf(event),
    startedAt: numberAt(event, 'at') ?? 0,
    ...(parent === undefined ? {} : { parentSessionId: parent }),
    ...(startedBy === undefined ? {} : { startedBy }),
    ...(fork === undefined
      ? {}
      : { forkedFrom: { sessionId: stringAt(fork, 'sessionId') ?? '', seq: numberAt(fork, 'seq') ?? 0 } }),
  };
}

/** A session that was resumed may run on another pi than before. */
function piOf(event: UnknownMap): Partial<SessionInfo> {
  const pi = sessionPiOf(event['pi']);
  return pi === undefined ? {} : { pi, piVersion: pi.version };
}

/** Returns the guests that an event names. The row omits an empty list. */
function someGuests(event: UnknownMap, key: string): GuestRef[] | undefined {
  const guests = guestsAt(event, key);
  return guests.length === 0 ? undefined : guests;
}

function endReason(event: UnknownMap): EndReason {
  return END_REASONS.find((reason) => reason === event['reason']) ?? 'error';
}

function modelChanged(model: UnknownMap | undefined): Partial<SessionInfo> {
  const provider = model && stringAt(model, 'provider');
  const id = model && stringAt(model, 'id');
  return provider === undefined || id === undefined ? {} : { model: `${provider}/${id}` };
}

/**
 * Returns whether a session has the message that names it. A slash command says nothing about the work: the first message
 * after it takes its place.
 */
export function hasFirstPrompt({ firstPrompt }: Pick<SessionInfo, 'firstPrompt'>): boolean {
  return firstPrompt !== undefined && !isSlashCommand(firstPrompt);
}

function firstPrompt(info: SessionInfo, message: UnknownMap | undefined): Partial<SessionInfo> {
  if (hasFirstPrompt(info) || message?.['role'] !== 'user') return {};
  const content = message['content'];
  const blocks: unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }];
  const text = blocks.map((block) => (isMap(block) ? (stringAt(block, 'text') ?? '') : '')).join(' ');
  const line = cutText(text.replace(/\s+/g, ' ').trim(), PROMPT_PREVIEW);
  return line === '' ? {} : { firstPrompt: line };
}

/** Switches one mode. The row omits an empty list, and lists the modes in their own order. */
function modes(info: SessionInfo, mode: SessionMode, isOn: boolean): Partial<SessionInfo> {
  const on = SESSION_MODES.filter((other) => (other === mode ? isOn : info.modes?.includes(other) === true));
  return { modes: on.length === 0 ? undefined : on };
}

function opened(info: SessionInfo, id: string | undefined): Partial<SessionInfo> {
  return id === undefined || info.waiting.includes(id) ? {} : { waiting: [...info.waiting, id] };
}

function closed(info: SessionInfo, id: string | undefined): Partial<SessionInfo> {
  return id === undefined ? {} : { waiting: info.waiting.filter((other) => other !== id) };
}
