import { tailOf, type SessionPartial, type UnnumberedDelta } from '@pizzapi/protocol';

/** Of a running tool's output the last so many characters are kept for a viewer that joins. */
const OUTPUT_TAIL_CHARS = 65_536;

/** What is open, without the number that the writer gives it. */
export type OpenState = Omit<SessionPartial, 'n'>;
type Open = OpenState['open'][number];
type Block = Open['blocks'][number];

function blockOf(delta: Exclude<UnnumberedDelta, { type: 'tool_output_delta' }>): Block {
  const { index } = delta;
  if (delta.type === 'text_delta') return { index, kind: 'text', text: '' };
  if (delta.type === 'thinking_delta') return { index, kind: 'thinking', text: '' };
  return { index, kind: 'toolCall', toolCallId: delta.toolCallId, toolName: delta.toolName, json: '' };
}

/**
 * The messages and tools that are open, folded from exactly the pieces that went out: whoever joins gets this and then
 * the pieces that follow, without a gap or an overlap.
 */
export class OpenBlocks {
  readonly #messages = new Map<string, { role: string; blocks: Map<number, Block> }>();
  readonly #tools = new Map<string, string>();

  openMessage(messageId: string, role: string): void {
    this.#messages.set(messageId, { role, blocks: new Map() });
  }

  closeMessage(messageId: string): void {
    this.#messages.delete(messageId);
  }

  openTool(toolCallId: string): void {
    if (!this.#tools.has(toolCallId)) this.#tools.set(toolCallId, '');
  }

  closeTool(toolCallId: string): void {
    this.#tools.delete(toolCallId);
  }

  /** Folds one piece that went out. Pieces of a message that is not open are ignored. */
  piece(delta: UnnumberedDelta): void {
    if (delta.type === 'tool_output_delta') {
      // A chunk may overtake the event that opens its tool: pi hands its events on one by one.
      const text = this.#tools.get(delta.toolCallId) ?? '';
      this.#tools.set(delta.toolCallId, tailOf(text + delta.text, OUTPUT_TAIL_CHARS));
      return;
    }
    const blocks = this.#messages.get(delta.messageId)?.blocks;
    if (blocks === undefined) return;
    const block = blocks.get(delta.index) ?? blockOf(delta);
    blocks.set(delta.index, block);
    if (block.kind === 'toolCall') {
      if (delta.type !== 'toolcall_delta') return;
      block.json += delta.json;
      block.toolCallId = delta.toolCallId;
      block.toolName = delta.toolName;
    } else if (delta.type !== 'toolcall_delta') block.text += delta.text;
  }

  /** A copy, oldest first. */
  snapshot(): OpenState {
    return {
      open: [...this.#messages].map(([messageId, { role, blocks }]) => ({
        messageId,
        role,
        blocks: [...blocks.values()].map((block) => ({ ...block })),
      })),
      tools: [...this.#tools].map(([toolCallId, text]) => ({ toolCallId, text })),
    };
  }
}
