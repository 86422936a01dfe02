import {
  applyPartial,
  needsPartial,
  type Block,
  type MessageItem,
  type SessionPartial,
  type Transcript,
} from '@pizzapi/protocol';

type OpenBlock = SessionPartial['open'][number]['blocks'][number];

/**
 * Carries what only pieces have said (open messages, the output of running tools) from one transcript into another
 * that was folded from the log alone.
 */
export function carryOpenMessages(from: Transcript, into: Transcript): void {
  if (from.pieceN === undefined) return;
  const open = [...from.index.open].flatMap((id) => messageOf(from, id) ?? []);
  const broken = needsPartial(from);
  applyPartial(into, { n: from.pieceN, open: open.map(partialOf), tools: toolsOf(from) } satisfies SessionPartial);
  if (!broken) return;
  for (const { id } of open) {
    const item = messageOf(into, id);
    if (item !== undefined) into.items[into.index.messages.get(id)!] = { ...item, broken: true };
  }
}

function messageOf(t: Transcript, id: string): MessageItem | undefined {
  const item = t.items[t.index.messages.get(id) ?? -1];
  return item?.kind === 'message' && item.open ? item : undefined;
}

function partialOf(item: MessageItem): SessionPartial['open'][number] {
  return {
    messageId: item.id,
    role: item.role,
    blocks: item.blocks.flatMap((block, index) => blockOf(block, index) ?? []),
  };
}

function blockOf(block: Block, index: number): OpenBlock | undefined {
  if (block.kind === 'text' || block.kind === 'thinking') return { index, kind: block.kind, text: block.text };
  if (block.kind !== 'tool') return undefined;
  return { index, kind: 'toolCall', toolCallId: block.toolCallId, toolName: block.toolName, json: block.json };
}

function toolsOf(t: Transcript): SessionPartial['tools'] {
  return [...t.index.running].flatMap((toolCallId) => {
    const place = t.index.tools.get(toolCallId);
    const item = place && t.items[place.item];
    const block = item?.kind === 'tool' ? item.block : item?.kind === 'message' ? item.blocks[place!.block] : undefined;
    return block?.kind === 'tool' ? [{ toolCallId, text: block.output }] : [];
  });
}
