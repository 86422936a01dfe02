import {
  arrayAt,
  isMap,
  numberAt,
  stringAt,
  stringsAt,
  type Block,
  type ToolBlock,
  type UnknownMap,
} from '@pizzapi/protocol';
import { parse } from 'partial-json';
import { diffTexts, parsePiDiff, type FileDiff } from './diff.js';

/** Which icon stands for a tool. */
export type ToolIcon =
  'read' | 'edit' | 'write' | 'terminal' | 'search' | 'folder' | 'web' | 'ask' | 'todo' | 'plan' | 'link' | 'tool';

/** What the one-line header of a tool call says. */
export interface ToolSummary {
  icon: ToolIcon;
  /** `Read`, `Ran`, `Edited`: what it does, in the person's words. */
  verb: string;
  /** The main argument: a path, a command, a pattern. */
  subject: string;
  /** A path or command reads better in the fixed-width face. */
  mono: boolean;
}

const KINDS: Readonly<Record<string, { icon: ToolIcon; verb: string; keys: readonly string[] }>> = {
  read: { icon: 'read', verb: 'Read', keys: ['path', 'file_path'] },
  bash: { icon: 'terminal', verb: 'Run', keys: ['command'] },
  exec: { icon: 'terminal', verb: 'Run', keys: ['command'] },
  edit: { icon: 'edit', verb: 'Edit', keys: ['path', 'file_path'] },
  write: { icon: 'write', verb: 'Write', keys: ['path', 'file_path'] },
  grep: { icon: 'search', verb: 'Search', keys: ['pattern', 'query'] },
  find: { icon: 'search', verb: 'Find', keys: ['pattern', 'path'] },
  ls: { icon: 'folder', verb: 'List', keys: ['path'] },
  web_search: { icon: 'web', verb: 'Search the web', keys: ['query'] },
  fetch: { icon: 'web', verb: 'Fetch', keys: ['url'] },
  question: { icon: 'ask', verb: 'Ask', keys: ['question', 'title'] },
  todo: { icon: 'todo', verb: 'To-dos', keys: ['action', 'text'] },
  ask_user_question: { icon: 'ask', verb: 'Ask', keys: [] },
  plan_mode: { icon: 'plan', verb: 'Plan', keys: ['title', 'action'] },
  spawn_session: { icon: 'link', verb: 'Start a session', keys: ['name', 'prompt'] },
  tell_child: { icon: 'link', verb: 'Message a child session', keys: ['text'] },
  respond_to_trigger: { icon: 'link', verb: 'Answer a child session', keys: ['response'] },
  escalate_trigger: { icon: 'link', verb: 'Pass on', keys: ['note'] },
  escalate: { icon: 'link', verb: 'Ask the parent', keys: ['text'] },
  cleanup_child_session: { icon: 'link', verb: 'End a child session', keys: [] },
};

/** Tools whose main argument is a sentence, not a path or a command. */
const SPOKEN: ReadonlySet<ToolIcon> = new Set(['ask', 'plan', 'link', 'todo']);

/** Keys that usually hold the main argument of a tool nobody told us about. */
const USUAL_KEYS = ['path', 'command', 'query', 'pattern', 'url', 'name', 'title', 'text', 'prompt', 'question'];

/** What to show of a call before anybody opens it. Total: arguments may be anything, also half-written. */
export function summarize(block: ToolBlock): ToolSummary {
  const args = argsOf(block);
  const kind = KINDS[block.toolName.toLowerCase()];
  const keys = kind?.keys ?? USUAL_KEYS;
  const found =
    questionsIn(args) ?? keys.map((key) => textAt(args, key)).find((text) => text !== undefined && text !== '');
  const subject = (found ?? '').split('\n')[0]!.trim();
  const more = found !== undefined && found.trim().includes('\n') ? ' …' : '';
  if (kind === undefined) return { icon: 'tool', verb: spoken(block.toolName), subject: subject + more, mono: false };
  return {
    icon: kind.icon,
    verb: kind.verb,
    subject: subject + more + rangeOf(block, args),
    mono: !SPOKEN.has(kind.icon),
  };
}

/** A text, or several of them in one line. */
function textAt(args: UnknownMap, key: string): string | undefined {
  return stringAt(args, key) ?? stringsAt(args, key).join(' · ');
}

/** The first of several questions. */
function questionsIn(args: UnknownMap): string | undefined {
  const [first] = arrayAt(args, 'questions');
  return isMap(first) ? stringAt(first, 'question') : undefined;
}

/** `web_fetch_page` as `Web fetch page`. */
function spoken(name: string): string {
  const words = name.replace(/[_-]+/g, ' ').trim();
  return words === '' ? 'Tool' : words[0]!.toUpperCase() + words.slice(1);
}

function rangeOf(block: ToolBlock, args: UnknownMap): string {
  const offset = numberAt(args, 'offset');
  const limit = numberAt(args, 'limit');
  if (block.toolName !== 'read' || (offset === undefined && limit === undefined)) return '';
  const from = offset ?? 1;
  return limit === undefined ? `:${from}` : `:${from}-${from + limit - 1}`;
}

/** The arguments of a call; while the model writes them, as far as the unfinished JSON goes. */
export function argsOf(block: ToolBlock): UnknownMap {
  if (isMap(block.args)) return block.args;
  try {
    const args: unknown = parse(block.json);
    return isMap(args) ? args : {};
  } catch {
    return {};
  }
}

/** The change a call made or is about to make to a file, or undefined when it is of another kind. */
export function diffOf(block: ToolBlock): FileDiff | undefined {
  if (isMap(block.details) && typeof block.details['diff'] === 'string') return parsePiDiff(block.details['diff']);
  const args = argsOf(block);
  if (block.toolName === 'write') return diffTexts('', stringAt(args, 'content') ?? '');
  if (block.toolName !== 'edit') return undefined;
  const edits = [args, ...arrayAt(args, 'edits').filter(isMap)];
  const changes = edits.flatMap((edit) => {
    const [before, after] = [stringAt(edit, 'oldText'), stringAt(edit, 'newText')];
    return before === undefined && after === undefined ? [] : [diffTexts(before ?? '', after ?? '')];
  });
  if (changes.length === 0) return undefined;
  return {
    // The texts say what changes but not where: line numbers would be wrong.
    lines: changes.flatMap(({ lines }) => lines.map(({ kind, text }) => ({ kind, text }))),
    added: changes.reduce((sum, { added }) => sum + added, 0),
    removed: changes.reduce((sum, { removed }) => sum + removed, 0),
  };
}

/** The text a tool has printed: while it runs what came so far, then its result. */
export function outputOf(block: ToolBlock): string {
  if (block.content.length === 0) return block.output;
  return block.content.map((part) => (part.kind === 'text' ? part.text : '')).join('\n');
}

/** What of a result is not text. */
export function imagesOf(block: ToolBlock): Extract<Block, { kind: 'image' }>[] {
  return block.content.filter((part) => part.kind === 'image');
}

/** The language a file is highlighted in, by its name. */
export function languageOf(path: string): string {
  const name = path.split('/').at(-1) ?? '';
  const extension = name.includes('.') ? name.split('.').at(-1)!.toLowerCase() : name.toLowerCase();
  return extension;
}
