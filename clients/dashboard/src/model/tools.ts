import {
  arrayAt,
  isMap,
  numberAt,
  stringAt,
  toolCallWords,
  toolFieldLabel,
  toolFieldText,
  toolWords,
  type Block,
  type ToolBlock,
  type UnknownMap,
} from '@pizzapi/protocol';
import { parse } from 'partial-json';
import { diffTexts, parsePiDiff, type FileDiff } from './diff.js';

/** Which icon stands for a tool. */
export type ToolIcon =
  | 'read'
  | 'edit'
  | 'write'
  | 'terminal'
  | 'code'
  | 'search'
  | 'folder'
  | 'web'
  | 'ask'
  | 'todo'
  | 'plan'
  | 'link'
  | 'tool';

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

const ICONS: Readonly<Record<string, ToolIcon>> = {
  ...{
    read: 'read',
    bash: 'terminal',
    exec: 'terminal',
    codemode: 'code',
    tool_search: 'search',
    edit: 'edit',
    write: 'write',
    grep: 'search',
    find: 'search',
  },
  ...{ ls: 'folder', web_search: 'web', fetch: 'web', question: 'ask', demo_question: 'ask', ask_user_question: 'ask' },
  ...{ todo: 'todo', demo_todo: 'todo', plan_mode: 'plan', goal: 'plan' },
  ...{ spawn_session: 'link', tell_child: 'link', respond_to_trigger: 'link', escalate_trigger: 'link' },
  ...{ escalate: 'link', cleanup_child_session: 'link' },
};

/** Tools whose main argument is a sentence, not a path or a command. */
const SPOKEN: ReadonlySet<ToolIcon> = new Set(['ask', 'plan', 'link', 'todo']);

/** What to show of a call before anybody opens it. Total: arguments may be anything, also half-written. */
export function summarize(block: ToolBlock): ToolSummary {
  const args = argsOf(block);
  const name = block.toolName.toLowerCase();
  const icon = Object.hasOwn(ICONS, name) ? ICONS[name]! : 'tool';
  const { verb, subject: whole } = toolCallWords(block.toolName, args);
  const subject = whole.split('\n')[0]!.trim();
  const more = whole.trim().includes('\n') ? ' …' : '';
  const isSpoken = icon === 'tool' || SPOKEN.has(icon);
  return { icon, verb, subject: subject + more + rangeOf(block, args), mono: !isSpoken };
}

/** The arguments of a call of our own tools, as people read them; undefined for the tools of others. */
export function fieldsOf(block: ToolBlock): { label: string; text: string }[] | undefined {
  if (toolWords(block.toolName)?.fields === undefined) return undefined;
  return Object.entries(argsOf(block)).map(([key, value]) => ({
    label: toolFieldLabel(block.toolName, key),
    text: toolFieldText(value),
  }));
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

/** What a call of a tool of others does, as code: the script of `codemode`, or the arguments. */
export function codeOf(block: ToolBlock): { code: string; lang: string } {
  const script = block.toolName === 'codemode' ? stringAt(argsOf(block), 'code') : undefined;
  if (script !== undefined) return { code: script, lang: 'js' };
  return { code: block.json || JSON.stringify(block.args ?? {}, undefined, 2), lang: 'json' };
}

/** How many calls a call made. */
export const callsText = (count: number): string => (count === 1 ? '1 call' : `${count} calls`);

/** What the card of a call says of the calls that it does not show. */
export const leftOutText = (count: number): string => `${callsText(count)} more. The log has all of them.`;

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
