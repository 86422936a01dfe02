import { arrayAt, isMap, numberAt, stringAt, type UnknownMap } from '../../json.js';
import { newTool, NOTHING, putTool, toolAt } from './state.js';
import type { Block, Change, NestedCall, ToolBlock, Transcript } from './types.js';

/** The nested calls that the card of one call keeps. The log has all of them. */
export const MAX_NESTED_CALLS = 200;
/** The deepest level of nested calls that is shown as a level of its own. */
const MAX_DEPTH = 8;
/** The levels of an id that are looked through for the call that it belongs to. */
const MAX_LEVELS = 64;
/** The characters that a nested call keeps of each of its texts. */
const TEXT_KEPT = 4 * 1024;
/** The characters that a nested call keeps of each of its texts among large arguments. */
const ARGUMENT_KEPT = 256;
/** The blocks of the result that a nested call keeps. */
const BLOCKS_KEPT = 8;

/** Returns the call of the model in whose card a nested call is shown, and how deep it lies in it. */
function placeOf(t: Transcript, parentId: string): { root: string; depth: number } {
  const parent = t.index.nested.get(parentId);
  if (parent !== undefined) {
    const depth = toolAt(t, parent.root)?.nested?.[parent.at]?.depth ?? 0;
    return { root: parent.root, depth: Math.min(depth + 1, MAX_DEPTH) };
  }
  return { root: t.index.tools.has(parentId) ? parentId : (keptAncestor(t, parentId) ?? parentId), depth: 1 };
}

/**
 * Returns the call that an id without a place of its own belongs to: the id of a nested call is the id of its parent, `/`
 * and a number. Undefined for other ids.
 */
export function keptAncestor(t: Transcript, id: string): string | undefined {
  let end = id.lastIndexOf('/');
  for (let n = 0; end > 0 && n < MAX_LEVELS; n++, end = id.lastIndexOf('/', end - 1)) {
    const ancestor = id.slice(0, end);
    if (t.index.tools.has(ancestor)) return ancestor;
  }
  return undefined;
}

/** Changes a nested call, or adds it to the card of the call that it belongs to. `isNew`: the call begins. */
export function putNested(
  t: Transcript,
  id: string,
  parentId: string,
  { at, seq, isNew = false }: { at: number; seq: number; isNew?: boolean },
  change: (block: ToolBlock) => ToolBlock,
): Change {
  const known = t.index.nested.get(id);
  const { root, depth } = known === undefined ? placeOf(t, parentId) : { root: known.root, depth: 0 };
  return putTool(t, root, at, seq, (block) => {
    const calls = block.nested?.slice() ?? [];
    // A call that came from the record of pi has no place in the index.
    const position = known?.at ?? calls.findIndex(({ toolCallId }) => toolCallId === id);
    const before = calls[position];
    if (before !== undefined) {
      calls[position] = bounded({ ...before, ...change(before) });
      return { ...block, nested: calls };
    }
    if (known !== undefined) return block;
    if (calls.length >= MAX_NESTED_CALLS) {
      return isNew ? { ...block, nestedLeftOut: (block.nestedLeftOut ?? 0) + 1 } : block;
    }
    t.index.nested.set(id, { root, at: calls.length });
    return { ...block, nested: [...calls, bounded({ ...change(newTool(id, '')), depth })] };
  });
}

/**
 * Changes a nested call that is known by its id alone, and may add it: its output can arrive before its start. Undefined
 * for a call that is not nested.
 */
export function changeNested(
  t: Transcript,
  id: string,
  at: number,
  seq: number,
  change: (block: ToolBlock) => ToolBlock,
): Change | undefined {
  if (t.index.nested.has(id)) return putNested(t, id, id, { at, seq }, change);
  if (t.index.tools.has(id)) return undefined;
  const ancestor = keptAncestor(t, id);
  if (ancestor === undefined) return undefined;
  // Nothing to change, and no new block for those who draw it.
  if ((toolAt(t, ancestor)?.nested?.length ?? 0) >= MAX_NESTED_CALLS) return NOTHING;
  return putNested(t, id, id.slice(0, id.lastIndexOf('/')), { at, seq }, change);
}

/**
 * Adds the nested calls that pi recorded in the result of a call, where their own events are not in the log: an imported
 * history has only the record.
 */
export function withRecordedCalls(block: ToolBlock, message: UnknownMap): ToolBlock {
  const record = message['nestedCalls'];
  if (!isMap(record) || block.nested !== undefined) return block;
  const { toolCallId } = block;
  const byId = arrayAt(record, 'calls')
    .filter(isMap)
    .map((call, n) => [stringAt(call, 'id') ?? `${toolCallId}/${n + 1}`, call] as const);
  // Each id once: lists on a page have them as keys.
  const recorded = [...new Map(byId)];
  const calls: NestedCall[] = [];
  for (const [id, call] of recorded.slice(0, MAX_NESTED_CALLS)) {
    const error = stringAt(call, 'error') ?? '';
    const took = numberAt(call, 'durationMs');
    calls.push(
      bounded({
        ...newTool(id, stringAt(call, 'name') ?? ''),
        depth: depthOf(id, toolCallId),
        args: call['arguments'] ?? {},
        state: call['status'] === 'ok' ? 'done' : 'failed',
        content: error === '' ? [] : [{ kind: 'text', text: error }],
        ...(took === undefined ? {} : { startedAt: 0, endedAt: took }),
      }),
    );
  }
  if (calls.length === 0) return block;
  const leftOut = recorded.length - calls.length;
  return { ...block, nested: calls, ...(leftOut > 0 ? { nestedLeftOut: leftOut } : {}) };
}

function depthOf(id: string, root: string): number {
  const levels = id.startsWith(`${root}/`) ? id.slice(root.length).split('/', MAX_DEPTH + 1).length - 1 : 1;
  return Math.min(Math.max(levels, 1), MAX_DEPTH);
}

/** Cuts what a script can make as long as it likes. */
function bounded(call: NestedCall): NestedCall {
  const { details: _details, nested: _nested, ...rest } = call;
  return {
    ...rest,
    toolName: rest.toolName.slice(0, TEXT_KEPT),
    json: '',
    args: fits(rest.args) ? rest.args : firstTexts(rest.args),
    output: rest.output.slice(-TEXT_KEPT),
    content: rest.content.slice(0, BLOCKS_KEPT).flatMap(boundedBlock),
  };
}

function boundedBlock(block: Block): Block[] {
  if (block.kind === 'text') {
    return [block.text.length > TEXT_KEPT ? { kind: 'text', text: `${block.text.slice(0, TEXT_KEPT)}…` } : block];
  }
  // A picture that is stored elsewhere is only a reference.
  return block.kind === 'image' && block.data.length <= TEXT_KEPT ? [block] : [];
}

/** The first texts among large arguments, such as the path of a file or the beginning of a command. */
function firstTexts(args: unknown): UnknownMap {
  const entries = isMap(args) ? Object.entries(args).slice(0, BLOCKS_KEPT) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(
    texts.map(([key, text]) => [key.slice(0, ARGUMENT_KEPT), `${text.slice(0, ARGUMENT_KEPT)}…`]),
  );
}

/** Whether a value is small, looking at no more of it than that takes. */
function fits(value: unknown): boolean {
  let left = TEXT_KEPT;
  const count = (part: unknown): boolean => {
    left -= typeof part === 'string' ? part.length + 1 : 1;
    if (left < 0 || typeof part !== 'object' || part === null) return left >= 0;
    for (const key in part) {
      left -= key.length;
      if (left < 0 || !count(Reflect.get(part, key))) return false;
    }
    return true;
  };
  return count(value);
}
