import {
  stringAt,
  stripMarkdown,
  terminalText,
  textOf,
  type BlobRef,
  type Block,
  type MessageItem,
  type ToolBlock,
  type TranscriptItem,
} from '@pizzapi/protocol';
import type { Viewpoint } from './author.js';
import { linkView } from './links.js';
import { answerText } from './promptOutcome.js';
import { argsOf, codeOf, diffOf, outputOf, summarize } from './tools.js';

/**
 * A text of an item of the transcript as the page shows it, without marks of Markdown and colours of a terminal. `text`
 * takes the whole of it where that is stored elsewhere.
 */
export interface SearchPart {
  text: (whole?: string) => string;
  /** What must be opened for the text to be shown: a key of the folds of a session. */
  fold?: string;
  /** What must be opened before that: the fold around it. */
  around?: string;
  /** The whole text, when `text` is only its beginning. */
  blob?: BlobRef;
}

/** From this length on a command is shown above its output too. */
const LONG_COMMAND = 80;

/** The texts of an item that a person can search, in the order in which the page shows them. Total. */
export function searchParts(item: TranscriptItem, reader: Viewpoint): SearchPart[] {
  switch (item.kind) {
    case 'message':
      return messageParts(item);
    case 'tool':
      return toolParts(item.block, item.id);
    case 'dialog':
      // An open dialog of a prompt stands below the transcript, as a card.
      if (item.state === 'open' && item.promptId !== undefined) return [];
      return [plain(item.title), plain(item.state === 'answered' ? (answerText(item.value) ?? '') : '')];
    case 'notice': {
      if (item.link === undefined) return [plain(item.text)];
      const { before, after, text, outcome } = linkView(item.link, reader);
      return [plain(before), plain(after), { ...markdown(text), fold: item.id }, plain(outcome?.text ?? '')];
    }
  }
}

const plain = (text: string): SearchPart => ({ text: (whole = text) => whole });
const markdown = (text: string): SearchPart => ({ text: (whole = text) => stripMarkdown(whole) });
const withBlob = (part: SearchPart, blob: BlobRef | undefined): SearchPart =>
  blob === undefined ? part : { ...part, blob };

function messageParts(item: MessageItem): SearchPart[] {
  const { id, role, blocks } = item;
  if (role === 'user' && item.by?.via === 'agent')
    return [plain(textOf(item).split('\n')[0]!), ...blocks.flatMap((block) => blockParts(block, id, id))];
  if (role === 'user' || role === 'custom') return blocks.flatMap((block) => blockParts(block, id, id));
  if (role === 'assistant') {
    const parts = blocks.flatMap((block, i) => blockParts(block, `${id}:${i}`, undefined));
    return item.error === undefined || item.stopReason === 'aborted' ? parts : [...parts, plain(item.error)];
  }
  const extra = { ...item.extra };
  if (role === 'bashExecution')
    return [
      plain(stringAt(extra, 'command') ?? ''),
      { text: () => terminalText(stringAt(extra, 'output') ?? textOf(item)), fold: id },
    ];
  return [{ ...markdown(stringAt(extra, 'summary') ?? textOf(item)), fold: id }];
}

/** `own`: the fold of a block that has one. `around`: the fold of the whole message. */
function blockParts(block: Block, own: string, around: string | undefined): SearchPart[] {
  switch (block.kind) {
    case 'text':
      return [withBlob({ ...markdown(block.text), ...(around === undefined ? {} : { fold: around }) }, block.blob)];
    case 'thinking':
      return [withBlob({ ...markdown(block.text), fold: own }, block.blob)];
    case 'tool':
      return toolParts(block, own);
    default:
      return [];
  }
}

function toolParts(block: ToolBlock, fold: string): SearchPart[] {
  const nested = (block.nested ?? []).flatMap((call) =>
    ownParts(call, `${fold}/${call.toolCallId}`).map((part) => ({ ...part, around: fold })),
  );
  return [...ownParts(block, fold), ...nested];
}

function ownParts(block: ToolBlock, fold: string): SearchPart[] {
  const summary = summarize(block);
  const head = plain(summary.subject);
  const output: SearchPart = withBlob({ text: (whole = outputOf(block)) => terminalText(whole), fold }, blobOf(block));
  const diff = block.state === 'failed' ? undefined : diffOf(block);
  if (diff !== undefined) return [head, { text: () => diff.lines.map(({ text }) => text).join('\n'), fold }];
  if (summary.icon === 'read') return [head, output];
  if (summary.icon === 'terminal' || block.state === 'failed') {
    const command = summary.icon === 'terminal' ? (stringAt(argsOf(block), 'command') ?? '') : '';
    const isRepeated = command.includes('\n') || command.length > LONG_COMMAND;
    return isRepeated ? [head, { text: () => command, fold }, output] : [head, output];
  }
  const code = () => codeOf(block).code;
  return [head, ...(block.toolName === 'write' ? [] : [{ text: code, fold }]), output];
}

function blobOf({ content }: ToolBlock): BlobRef | undefined {
  const found = content.find((part) => part.kind === 'text' && part.blob !== undefined);
  return found?.kind === 'text' ? found.blob : undefined;
}

/** What a person typed, as a pattern: without regard to case, and any space for a space. Undefined for nothing. */
export function searchPattern(query: string): RegExp | undefined {
  const words = query
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return undefined;
  return new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('\\s+'), 'giu');
}

export function countMatches(text: string, pattern: RegExp): number {
  let count = 0;
  pattern.lastIndex = 0;
  while (pattern.test(text)) count++;
  return count;
}
