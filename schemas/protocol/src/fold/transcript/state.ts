import type { Change, MessageItem, ToolBlock, Transcript, TranscriptItem } from './types.js';

/** The number of characters of a running tool's output that are kept. */
export const OUTPUT_KEPT = 64 * 1024;

/** Returns an empty transcript. */
export function createTranscript(): Transcript {
  return {
    items: [],
    cursor: 0,
    pieceN: undefined,
    busy: false,
    interrupted: false,
    ended: false,
    queue: { steering: [], followUp: [] },
    pendingInputs: [],
    status: {},
    widgets: {},
    index: {
      messages: new Map(),
      tools: new Map(),
      nested: new Map(),
      dialogs: new Map(),
      links: new Map(),
      open: new Set(),
      running: new Set(),
      impliedInterruption: undefined,
      settings: new Map(),
      begun: undefined,
      oldAuthors: new Map(),
    },
  };
}

export const NOTHING: Change = { items: [], state: false };
export const STATE_ONLY: Change = { items: [], state: true };

/** Appends an item. */
export function push(t: Transcript, item: TranscriptItem): Change {
  const position = t.items.push(item) - 1;
  if (item.kind === 'message') {
    t.index.messages.set(item.id, position);
    indexTools(t, position, item);
    if (item.open) t.index.open.add(item.id);
  } else if (item.kind === 'tool') {
    t.index.tools.set(item.block.toolCallId, { item: position, block: -1 });
  } else if (item.kind === 'dialog') {
    t.index.dialogs.set(item.id, position);
  }
  return { items: [position], state: false };
}

/** Replaces a message. */
export function putMessage(t: Transcript, position: number, item: MessageItem): Change {
  t.items[position] = item;
  indexTools(t, position, item);
  if (item.open) t.index.open.add(item.id);
  else t.index.open.delete(item.id);
  return { items: [position], state: false };
}

/** Returns the message with this id and its index. */
export function messageAt(t: Transcript, messageId: string): { position: number; item: MessageItem } | undefined {
  const position = t.index.messages.get(messageId);
  const item = position === undefined ? undefined : t.items[position];
  return position !== undefined && item?.kind === 'message' ? { position, item } : undefined;
}

/** Returns the block of a tool call, from whichever item or call holds it. */
export function toolAt(t: Transcript, toolCallId: string): ToolBlock | undefined {
  const nested = t.index.nested.get(toolCallId);
  return nested === undefined ? ownBlockAt(t, toolCallId) : ownBlockAt(t, nested.root)?.nested?.[nested.at];
}

function ownBlockAt(t: Transcript, toolCallId: string): ToolBlock | undefined {
  const slot = t.index.tools.get(toolCallId);
  const item = slot && t.items[slot.item];
  if (item?.kind === 'tool') return item.block;
  const block = item?.kind === 'message' ? item.blocks[slot!.block] : undefined;
  return block?.kind === 'tool' ? block : undefined;
}

/** Changes the block of a tool call in its item, or adds the block as an item of its own. */
export function putTool(
  t: Transcript,
  toolCallId: string,
  at: number,
  seq: number,
  change: (block: ToolBlock) => ToolBlock,
): Change {
  const slot = t.index.tools.get(toolCallId);
  const item = slot && t.items[slot.item];
  if (item?.kind === 'tool') {
    t.items[slot!.item] = { ...item, seq: seq || item.seq, block: change(item.block) };
    return { items: [slot!.item], state: false };
  }
  const block = item?.kind === 'message' ? item.blocks[slot!.block] : undefined;
  if (item?.kind === 'message' && block?.kind === 'tool') {
    const blocks = item.blocks.slice();
    blocks[slot!.block] = change(block);
    t.items[slot!.item] = { ...item, seq: seq || item.seq, blocks };
    return { items: [slot!.item], state: false };
  }
  return push(t, { kind: 'tool', id: `tool:${toolCallId}`, seq, at, block: change(newTool(toolCallId, '')) });
}

export function newTool(toolCallId: string, toolName: string): ToolBlock {
  return { kind: 'tool', toolCallId, toolName, json: '', state: 'pending', output: '', content: [] };
}

/** Combines two changes into one. */
export function both(a: Change, b: Change): Change {
  return { items: [...new Set([...a.items, ...b.items])], state: a.state || b.state };
}

function indexTools(t: Transcript, position: number, item: MessageItem): void {
  item.blocks.forEach((block, index) => {
    if (block.kind === 'tool') t.index.tools.set(block.toolCallId, { item: position, block: index });
  });
}
