import { stripMarkdown, terminalText, type Block, type ToolBlock, type TranscriptItem } from '@pizzapi/protocol';

/** Items that are read before the terminal has its turn. */
const ITEMS_A_STEP = 500;

/** What a person looks for, as a pattern: without regard to case, and any space for a space. */
export function findPattern(query: string): RegExp {
  const words = query.trim().split(/\s+/);
  return new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('\\s+'), 'iu');
}

/** Returns the ids of the items that have a match, the newest first. Gives way to the terminal now and then. */
export async function itemsWith(pattern: RegExp, items: readonly TranscriptItem[]): Promise<string[]> {
  const found: string[] = [];
  for (let at = items.length - 1; at >= 0; at--) {
    const item = items[at]!;
    if (pattern.test(textOfItem(item))) found.push(item.id);
    if (at % ITEMS_A_STEP === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

/** All texts of an item, also those that are folded or hidden. */
function textOfItem(item: TranscriptItem): string {
  switch (item.kind) {
    case 'message':
      return [...item.blocks.map(textOfBlock), ...textsIn(item.extra)].join('\n');
    case 'tool':
      return textOfTool(item.block);
    case 'dialog':
      return [item.title, item.message ?? '', ...textsIn(item.value)].join('\n');
    case 'notice':
      return [item.text, item.link?.text ?? '', ...textsIn(item.link?.payload)].join('\n');
  }
}

function textOfBlock(block: Block): string {
  if (block.kind === 'text' || block.kind === 'thinking') return stripMarkdown(block.text);
  return block.kind === 'tool' ? textOfTool(block) : '';
}

function textOfTool({ toolName, args, output, content, nested = [] }: ToolBlock): string {
  const result = content.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
  const own = [toolName, ...textsIn(args), terminalText(content.length > 0 ? result : output)];
  return [...own, ...nested.map(textOfTool)].join('\n');
}

/** The strings of any value. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
