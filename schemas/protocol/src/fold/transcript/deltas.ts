import { arrayAt, isMap, numberAt, stringAt, type UnknownMap } from '../../json.js';
import { changeNested } from './nested.js';
import {
  both,
  messageAt,
  newTool,
  NOTHING,
  OUTPUT_KEPT,
  push,
  putMessage,
  putTool,
  STATE_ONLY,
  toolAt,
} from './state.js';
import type { Block, Change, MessageItem, ToolBlock, Transcript } from './types.js';

/**
 * Folds one delta. A gap in `n` marks every open message as broken: it shows a correct beginning, and ignores further
 * deltas until `applyPartial` or the end of the message. Total: an invalid delta changes nothing.
 */
export function applyDelta(t: Transcript, delta: unknown): Change {
  if (!isMap(delta)) return NOTHING;
  const n = numberAt(delta, 'n');
  if (n === undefined || (t.pieceN !== undefined && n <= t.pieceN)) return NOTHING;
  const gap = t.pieceN !== undefined && n > t.pieceN + 1;
  t.pieceN = n;
  return gap ? both(breakOpen(t), foldDelta(t, delta, true)) : foldDelta(t, delta, false);
}

/** Returns whether deltas were lost that `applyPartial` would restore. */
export function needsPartial(t: Transcript): boolean {
  for (const id of t.index.open) if (messageAt(t, id)?.item.broken === true) return true;
  return false;
}

/** Replaces the open messages by a snapshot of the worker. Deltas up to its `n` are ignored afterwards. */
export function applyPartial(t: Transcript, partial: unknown): Change {
  if (!isMap(partial)) return NOTHING;
  const n = numberAt(partial, 'n');
  if (n === undefined) return NOTHING;
  t.pieceN = n;
  let change: Change = STATE_ONLY;
  for (const open of arrayAt(partial, 'open')) {
    const messageId = isMap(open) ? stringAt(open, 'messageId') : undefined;
    if (messageId === undefined || !isMap(open)) continue;
    const blocks = arrayAt(open, 'blocks').filter(isMap);
    change = both(
      change,
      openMessage(t, messageId, 0, stringAt(open, 'role'), (item) => fromPartial(t, item, blocks)),
    );
  }
  for (const tool of arrayAt(partial, 'tools')) {
    const id = isMap(tool) ? stringAt(tool, 'toolCallId') : undefined;
    if (id !== undefined && isMap(tool) && isRunning(t, id)) {
      const output = (stringAt(tool, 'text') ?? '').slice(-OUTPUT_KEPT);
      const grown = (block: ToolBlock): ToolBlock => ({ ...block, output });
      change = both(change, changeNested(t, id, 0, 0, grown) ?? putTool(t, id, 0, 0, grown));
    }
  }
  return change;
}

function fromPartial(t: Transcript, item: MessageItem, parts: readonly UnknownMap[]): MessageItem {
  const blocks: Block[] = [];
  for (const part of parts) {
    const text = stringAt(part, 'text') ?? '';
    const position = blockIndex(part);
    if (position === undefined) continue;
    while (blocks.length < position) blocks.push({ kind: 'text', text: '' });
    if (part['kind'] === 'toolCall') {
      const id = stringAt(part, 'toolCallId') ?? '';
      const current = toolAt(t, id) ?? newTool(id, stringAt(part, 'toolName') ?? '');
      blocks[position] = {
        ...current,
        json: stringAt(part, 'json') ?? '',
        state: current.state === 'pending' ? 'writing' : current.state,
      };
    } else {
      blocks[position] = part['kind'] === 'thinking' ? { kind: 'thinking', text } : { kind: 'text', text };
    }
  }
  return { ...item, blocks, broken: false };
}

function foldDelta(t: Transcript, delta: UnknownMap, afterGap: boolean): Change {
  const text = stringAt(delta, 'text') ?? '';
  if (delta['type'] === 'tool_output_delta') {
    const id = stringAt(delta, 'toolCallId');
    if (id === undefined || isFinished(t, id)) return NOTHING;
    const at = numberAt(delta, 'at') ?? 0;
    const grown = (block: ToolBlock): ToolBlock => ({
      ...block,
      state: 'running',
      output: (block.output + text).slice(-OUTPUT_KEPT),
    });
    return changeNested(t, id, at, 0, grown) ?? putTool(t, id, at, 0, grown);
  }
  const messageId = stringAt(delta, 'messageId');
  const position = blockIndex(delta);
  if (messageId === undefined || position === undefined) return NOTHING;
  const at = numberAt(delta, 'at') ?? 0;
  return openMessage(t, messageId, at, undefined, (item) => {
    if (item.broken) return item;
    // The first deltas of an unknown message may be among the lost deltas.
    if (afterGap && item.blocks.length === 0) return { ...item, broken: true };
    const blocks = item.blocks.slice();
    while (blocks.length < position) blocks.push({ kind: 'text', text: '' });
    const grown = grow(blocks[position], delta, text);
    if (grown !== undefined) blocks[position] = grown;
    return { ...item, blocks };
  });
}

/** Maximum number of blocks of one message: an invalid index must not create an array of millions of items. */
const MAX_BLOCKS = 10_000;

function blockIndex(map: UnknownMap): number | undefined {
  const index = numberAt(map, 'index');
  return index !== undefined && Number.isInteger(index) && index >= 0 && index < MAX_BLOCKS ? index : undefined;
}

function grow(block: Block | undefined, delta: UnknownMap, text: string): Block | undefined {
  switch (delta['type']) {
    case 'text_delta':
      return { kind: 'text', text: (block?.kind === 'text' ? block.text : '') + text };
    case 'thinking_delta':
      return { kind: 'thinking', text: (block?.kind === 'thinking' ? block.text : '') + text };
    case 'toolcall_delta': {
      const current = block?.kind === 'tool' ? block : newTool(stringAt(delta, 'toolCallId') ?? '', '');
      return {
        ...current,
        toolCallId: stringAt(delta, 'toolCallId') ?? current.toolCallId,
        toolName: stringAt(delta, 'toolName') ?? current.toolName,
        json: current.json + (stringAt(delta, 'json') ?? ''),
        state: current.state === 'pending' ? 'writing' : current.state,
      };
    }
    default:
      return block;
  }
}

/**
 * Changes an open message. Opens the message when its deltas arrive before its start. Does not change a finished
 * message.
 */
function openMessage(
  t: Transcript,
  messageId: string,
  at: number,
  role: string | undefined,
  change: (item: MessageItem) => MessageItem,
): Change {
  const found = messageAt(t, messageId);
  if (found !== undefined) {
    return found.item.open ? putMessage(t, found.position, change(found.item)) : NOTHING;
  }
  const item: MessageItem = {
    kind: 'message',
    id: messageId,
    seq: 0,
    at,
    role: role ?? 'assistant',
    blocks: [],
    open: true,
    broken: false,
  };
  return push(t, change(item));
}

function breakOpen(t: Transcript): Change {
  let change: Change = STATE_ONLY;
  for (const id of t.index.open) {
    const found = messageAt(t, id);
    if (found !== undefined) change = both(change, putMessage(t, found.position, { ...found.item, broken: true }));
  }
  return change;
}

function isFinished(t: Transcript, toolCallId: string): boolean {
  const state = toolAt(t, toolCallId)?.state;
  return state === 'done' || state === 'failed';
}

function isRunning(t: Transcript, toolCallId: string): boolean {
  return toolAt(t, toolCallId) !== undefined && !isFinished(t, toolCallId);
}
