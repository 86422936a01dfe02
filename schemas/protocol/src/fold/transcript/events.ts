import type { Author } from '../../events.js';
import { aboutAt, authorOf, inputDelivered, messageBegun, originFields } from './authors.js';
import { INTERRUPTED_TEXT } from '../../interruption.js';
import { isMap, mapAt, numberAt, stringAt, type UnknownMap } from '../../json.js';
import { blobsOf, blocksOf, keepRun } from './blocks.js';
import { applyDialogOpened, applyDialogResolved, settleDialogs } from './dialogs.js';
import { applyLink, withdrawLinks } from './links.js';
import { changeNested, putNested, withRecordedCalls } from './nested.js';
import { noticeOf } from './notices.js';
import { inputEdited, queueOf, takenOut } from './queue.js';
import { both, messageAt, NOTHING, push, putMessage, putTool, STATE_ONLY, toolAt } from './state.js';
import type { Change, MessageItem, PendingInput, ToolBlock, Transcript } from './types.js';

/**
 * Folds one event of the log and returns what changed. Changes `t` in place, because a session may have a hundred
 * thousand events and the cost of each must be constant. Deterministic and total: the same events give the same
 * transcript. An event at an offset that was already folded changes nothing, and neither does an unknown or invalid
 * event.
 */
export function applyEvent(t: Transcript, seq: number, event: unknown): Change {
  if (seq <= t.cursor) return NOTHING;
  t.cursor = seq;
  if (!isMap(event)) return NOTHING;
  const type = stringAt(event, 'type');
  const change = type === undefined ? NOTHING : evolve(t, seq, type, event);
  if (type !== 'message_start') t.index.begun = undefined;
  return change;
}

function evolve(t: Transcript, seq: number, type: string, event: UnknownMap): Change {
  switch (type) {
    case 'message_start':
      return messageStart(t, seq, event);
    case 'message_end':
      return messageEnd(t, seq, event);
    case 'tool_execution_start':
      return toolStart(t, seq, event);
    case 'tool_execution_end':
      return toolEnd(t, seq, event);
    case 'agent_start':
      t.busy = true;
      t.interrupted = false;
      t.index.impliedInterruption = undefined;
      return STATE_ONLY;
    case 'run_interrupted':
      return interrupted(t, seq, event);
    case 'auto_retry_start':
      t.busy = true;
      return both(notice(t, seq, type, event), STATE_ONLY);
    case 'auto_retry_end':
      if (event['success'] === false) t.busy = false;
      return both(notice(t, seq, type, event), STATE_ONLY);
    case 'agent_end':
      t.busy = false;
      return both(continued(t, seq), STATE_ONLY);
    case 'queue_update':
      t.queue = queueOf(event);
      return STATE_ONLY;
    case 'input_received':
      return inputReceived(t, event);
    case 'input_delivered':
      return inputDelivered(t, event);
    case 'input_edited':
      return inputEdited(t, event);
    case 'input_dropped':
      return inputDropped(t, seq, event);
    case 'command_result':
      return commandResult(t, seq, event);
    case 'dialog_opened':
      return applyDialogOpened(t, seq, event);
    case 'dialog_resolved':
      return applyDialogResolved(t, seq, event);
    case 'session_started':
    case 'session_resumed':
    case 'session_ended':
      return lifecycle(t, seq, type, event);
    default:
      return applyLink(t, seq, type, event) ?? notice(t, seq, type, event);
  }
}

/** A worker emits settings at every start and restart; the transcript shows only changes. */
const SETTINGS = new Set(['name', 'model', 'thinking']);

function notice(t: Transcript, seq: number, type: string, event: UnknownMap): Change {
  const line = noticeOf(type, event);
  if (line !== undefined && SETTINGS.has(line.notice)) {
    const before = t.index.settings.get(line.notice);
    t.index.settings.set(line.notice, line.text);
    if (before === line.text || (before === undefined && line.notice === 'thinking')) return NOTHING;
  }
  return line === undefined ? NOTHING : push(t, { kind: 'notice', id: `notice:${seq}`, seq, at: time(event), ...line });
}

function lifecycle(t: Transcript, seq: number, type: string, event: UnknownMap): Change {
  t.ended = type === 'session_ended';
  // The run of a process that died has no end of its own.
  const wasAtWork = type === 'session_resumed' && (t.busy || t.index.open.size > 0 || t.index.running.size > 0);
  if (t.ended) t.interrupted = false;
  t.busy = false;
  t.queue = { steering: [], followUp: [] };
  t.pendingInputs = [];
  t.index.begun = undefined;
  t.index.oldAuthors.clear();
  // Extensions of the next process fill their slots again.
  t.status = {};
  t.widgets = {};
  if (type === 'session_resumed') t.pieceN = undefined;
  let settled = both(interruptOpen(t, seq, event), settleDialogs(t, seq));
  if (t.ended) settled = both(settled, withdrawLinks(t, seq));
  const isImplied = wasAtWork && !t.interrupted;
  const said = isImplied
    ? interrupted(t, seq, event)
    : notice(t, seq, type, { ...event, isInterrupted: t.interrupted });
  if (isImplied) t.index.impliedInterruption = t.items.length - 1;
  return both(both(settled, said), STATE_ONLY);
}

/** Folds the end of a run whose host was stopped or died. */
function interrupted(t: Transcript, seq: number, event: UnknownMap): Change {
  t.interrupted = true;
  const line = { notice: 'interrupted', level: 'warning', text: INTERRUPTED_TEXT } as const;
  return both(push(t, { kind: 'notice', id: `notice:${seq}`, seq, at: time(event), ...line }), STATE_ONLY);
}

/**
 * Takes back an interruption that only a new process implied: what the earlier one had left in its spool follows that
 * event, and shows that the run had ended.
 */
function continued(t: Transcript, seq: number): Change {
  const position = t.index.impliedInterruption;
  const item = position === undefined ? undefined : t.items[position];
  t.index.impliedInterruption = undefined;
  if (position === undefined || item?.kind !== 'notice') return NOTHING;
  t.interrupted = false;
  const line = noticeOf('session_resumed', {});
  t.items[position] = { ...item, seq, ...line };
  return { items: [position], state: true };
}

/** Marks messages and tool runs as interrupted that were open when their worker stopped. */
function interruptOpen(t: Transcript, seq: number, event: UnknownMap): Change {
  let change: Change = STATE_ONLY;
  for (const id of [...t.index.open]) {
    const found = messageAt(t, id);
    if (found === undefined) continue;
    const item = { ...found.item, seq, open: false, broken: false, interrupted: true };
    change = both(change, putMessage(t, found.position, item));
  }
  for (const id of t.index.running) {
    const fail = (block: ToolBlock): ToolBlock => ({ ...block, state: 'failed', endedAt: time(event) });
    change = both(change, changeNested(t, id, time(event), seq, fail) ?? putTool(t, id, time(event), seq, fail));
  }
  t.index.running.clear();
  return change;
}

function messageStart(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'messageId');
  const role = stringAt(event, 'role') ?? 'assistant';
  if (id === undefined || role === 'toolResult') return NOTHING;
  const model = stringAt(event, 'model');
  if (role === 'user') messageBegun(t, id, event);
  const fields = { seq, role, ...(model === undefined ? {} : { model }), ...originFields(event) };
  const found = messageAt(t, id);
  const at = time(event);
  // Deltas that arrived before this event have opened the message. Only this event holds the time of its start.
  if (found !== undefined)
    return found.item.open ? putMessage(t, found.position, { ...found.item, at, ...fields }) : NOTHING;
  return push(t, { kind: 'message', id, at, blocks: [], open: true, broken: false, ...fields });
}

function messageEnd(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'messageId');
  const message = mapAt(event, 'message');
  if (id === undefined || message === undefined) return NOTHING;
  const role = stringAt(message, 'role') ?? 'assistant';
  if (role === 'toolResult') return toolResult(t, seq, event, message);
  const blocks = blocksOf(message['content'], '/message/content', blobsOf(event)).map((block) =>
    keepRun(block, block.kind === 'tool' ? toolAt(t, block.toolCallId) : undefined),
  );
  const found = messageAt(t, id);
  const item: MessageItem = {
    kind: 'message',
    id,
    seq,
    at: found?.item.at ?? time(event),
    role,
    blocks,
    open: false,
    broken: false,
    ...endFields(event, message, found?.item),
    ...(isCutOff(t, message) ? { interrupted: true } : {}),
    ...(role === 'user' ? authorOf(t, event, id, blocks) : {}),
  };
  return found === undefined ? push(t, item) : putMessage(t, found.position, item);
}

/** Fields of pi's messages that are content, usage or bookkeeping, and so not part of `extra`. */
const OWN_FIELDS = new Set([
  'role',
  'content',
  'timestamp',
  'api',
  'provider',
  'model',
  'usage',
  'stopReason',
  'errorMessage',
]);

/** Whether a message was cut off because its host stopped. To pi it is as if a person had stopped the agent. */
const isCutOff = (t: Transcript, message: UnknownMap): boolean => t.interrupted && message['stopReason'] === 'aborted';

function endFields(event: UnknownMap, message: UnknownMap, before: MessageItem | undefined): Partial<MessageItem> {
  const model = stringAt(message, 'model');
  const provider = stringAt(message, 'provider');
  const full = model === undefined ? before?.model : provider === undefined ? model : `${provider}/${model}`;
  const cost = numberAt(mapAt(mapAt(message, 'usage') ?? {}, 'cost') ?? {}, 'total');
  const entryId = stringAt(event, 'entryId');
  const stopReason = stringAt(message, 'stopReason');
  const error = stringAt(message, 'errorMessage');
  // Copies each field by itself, because this runs for every message of a replay.
  const fields: Partial<MessageItem> = {};
  if (full !== undefined) fields.model = full;
  if (entryId !== undefined) fields.entryId = entryId;
  if (stopReason !== undefined) fields.stopReason = stopReason;
  if (error !== undefined) fields.error = error;
  if (cost !== undefined) fields.cost = cost;
  const extra = Object.keys(message).filter((key) => !OWN_FIELDS.has(key));
  if (extra.length > 0) fields.extra = Object.fromEntries(extra.map((key) => [key, message[key]]));
  return fields;
}

/**
 * Folds the result of a tool into the item of its call. `tool_execution_end` usually arrived before and holds the same
 * result.
 */
function toolResult(t: Transcript, seq: number, event: UnknownMap, message: UnknownMap): Change {
  const id = stringAt(message, 'toolCallId');
  if (id === undefined) return NOTHING;
  t.index.running.delete(id);
  const content = blocksOf(message['content'], '/message/content', blobsOf(event));
  const failed = message['isError'] === true;
  return putTool(t, id, time(event), seq, (block) => ({
    ...withRecordedCalls(block, message),
    toolName: block.toolName || (stringAt(message, 'toolName') ?? ''),
    state: failed ? 'failed' : 'done',
    output: '',
    content,
    ...defined('details', message['details'] ?? block.details),
    endedAt: block.endedAt ?? time(event),
  }));
}

function toolStart(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'toolCallId');
  if (id === undefined) return NOTHING;
  const change = putRun(t, seq, id, event, true, (block) => ({
    ...block,
    toolName: stringAt(event, 'toolName') ?? block.toolName,
    args: event['args'] ?? block.args,
    json: '',
    state: 'running',
    startedAt: time(event),
  }));
  if (toolAt(t, id) !== undefined) t.index.running.add(id);
  return change;
}

function toolEnd(t: Transcript, seq: number, event: UnknownMap): Change {
  const id = stringAt(event, 'toolCallId');
  if (id === undefined) return NOTHING;
  t.index.running.delete(id);
  const result = event['result'];
  const map = isMap(result) ? result : { content: typeof result === 'string' ? result : [] };
  const content = blocksOf(map['content'], '/result/content', blobsOf(event));
  return putRun(t, seq, id, event, false, (block) => ({
    ...block,
    toolName: stringAt(event, 'toolName') ?? block.toolName,
    state: event['isError'] === true ? 'failed' : 'done',
    output: '',
    content,
    ...defined('details', map['details']),
    endedAt: time(event),
  }));
}

/** Changes the block of a run: of a call of the model, or of a call that another call made. */
function putRun(
  t: Transcript,
  seq: number,
  id: string,
  event: UnknownMap,
  isNew: boolean,
  change: (block: ToolBlock) => ToolBlock,
): Change {
  const parent = stringAt(event, 'parentToolCallId');
  const at = time(event);
  // A call that a message of the model holds is no nested call, whatever its events say.
  return parent === undefined || parent === id || t.index.tools.has(id)
    ? putTool(t, id, at, seq, change)
    : putNested(t, id, parent, { at, seq, isNew }, change);
}

function inputReceived(t: Transcript, event: UnknownMap): Change {
  const commandId = stringAt(event, 'commandId');
  if (commandId === undefined) return NOTHING;
  const input: PendingInput = {
    commandId,
    text: stringAt(event, 'text') ?? '',
    deliverAs: stringAt(event, 'deliverAs') ?? 'prompt',
    at: time(event),
    ...defined('by', mapAt(event, 'by') as Author | undefined),
    ...defined('attachments', numberAt(event, 'attachments')),
    ...defined('about', aboutAt(event)),
  };
  // A worker that took over emits the event again: it is the same input.
  t.pendingInputs = [...t.pendingInputs.filter((other) => other.commandId !== commandId), input];
  return STATE_ONLY;
}

function commandResult(t: Transcript, seq: number, event: UnknownMap): Change {
  if (event['ok'] !== false) return NOTHING;
  // A late or invalid answer concerns only the worker and the person who answered.
  if (event['name'] === 'dialog_response') return NOTHING;
  return refused(t, seq, event);
}

/** Folds an input that its worker accepted and that the agent did not read. */
function inputDropped(t: Transcript, seq: number, event: UnknownMap): Change {
  const input = t.pendingInputs.find(({ commandId }) => commandId === event['commandId']);
  if (input === undefined) return NOTHING;
  return takenOut(t, seq, event, input) ?? refused(t, seq, event);
}

function refused(t: Transcript, seq: number, event: UnknownMap): Change {
  const error = mapAt(event, 'error') ?? {};
  const commandId = stringAt(event, 'commandId');
  t.pendingInputs = t.pendingInputs.filter((input) => input.commandId !== commandId);
  const text = stringAt(error, 'message') ?? 'A command was refused.';
  const change = push(t, {
    kind: 'notice',
    id: `notice:${seq}`,
    seq,
    at: time(event),
    notice: 'refused',
    level: 'error',
    text,
    ...defined('commandId', commandId),
  });
  return both(change, STATE_ONLY);
}

function time(event: UnknownMap): number {
  return numberAt(event, 'at') ?? 0;
}

function defined<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}

/** Folds many events: `[seq, event]` pairs in the order of the log. */
export function foldTranscript(t: Transcript, events: Iterable<readonly [seq: number, event: unknown]>): Transcript {
  for (const [seq, event] of events) applyEvent(t, seq, event);
  return t;
}

/** Returns the text of a message: its text blocks, joined. */
export function textOf(item: MessageItem): string {
  return item.blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('');
}
