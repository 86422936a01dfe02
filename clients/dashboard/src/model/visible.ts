import { visibleLine, visibleText } from '@pizzapi/protocol';

/** Fields with a name or a title: one line. */
const LINES: ReadonlySet<string> = new Set(['name', 'title', 'firstPrompt', 'label']);
/**
 * Fields that stay as they are: what goes back to a host and must be the same there, ids, and what a terminal printed,
 * whose colours are read first.
 */
const RAW: ReadonlySet<string> = new Set([
  ...['id', 'sessionId', 'runnerId', 'commandId', 'promptId', 'dialogId', 'toolCallId', 'entryId', 'messageId'],
  ...['options', 'value', 'cwd', 'model', 'roots', 'recentFolders', 'folders'],
  ...['output', 'content', 'json', 'data', 'blob'],
]);

const known = new WeakMap<object, unknown>();

/**
 * A value with every text of others made safe to show. Everything that reaches the page from others passes here once.
 * An object that has nothing to clean is returned itself, and the same object always gives the same result.
 */
export function visible<T>(value: T): T {
  return cleaned(value) as T;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value);
  if (typeof value !== 'object' || value === null) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  const result = Array.isArray(value) ? cleanedList(value) : cleanedFields(value);
  known.set(value, result);
  return result;
}

function cleanedList(list: readonly unknown[]): readonly unknown[] {
  const result = list.map(cleaned);
  return result.some((item, i) => item !== list[i]) ? result : list;
}

function cleanedFields(fields: object): object {
  let result: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (RAW.has(key)) continue;
    const clean = typeof value === 'string' && LINES.has(key) ? visibleLine(value) : cleaned(value);
    if (clean !== value) (result ??= { ...fields })[key] = clean;
  }
  return result ?? fields;
}
