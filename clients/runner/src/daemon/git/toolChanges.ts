import { createReadStream } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { isMap, parseJson, stringAt, type UnknownMap } from '@pizzapi/protocol';

/**
 * What the tools `edit` and `write` of the agent say that they changed, for a folder that is in no repository. Commands of
 * the agent and of people change files too; that is not known here.
 */
export interface ToolChange {
  /** From 1: which input the change followed. */
  turn: number;
  /** From the folder of the session; absolute when it is outside. */
  path: string;
  state: 'added' | 'modified';
  added: number;
  removed: number;
  /** Unified. */
  patch: string;
}

export interface ToolTurn {
  turn: number;
  at: number;
}

/** Longer lines of the file are skipped: no edit is as large. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

/** Reads pi's session file. Returns what its tools changed, in order, and its turns. */
export async function readToolChanges(
  file: string,
  cwd: string,
): Promise<{ changes: ToolChange[]; turns: ToolTurn[] }> {
  const changes: ToolChange[] = [];
  const turns: ToolTurn[] = [];
  const calls = new Map<string, { name: string; args: UnknownMap }>();
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  try {
    for await (const line of lines) {
      if (line.length > MAX_LINE_CHARS || !line.includes('"message"')) continue;
      const entry = parseJson(line);
      const message = isMap(entry) ? entry['message'] : undefined;
      if (!isMap(message)) continue;
      const role = message['role'];
      const at = isMap(entry) ? timeOf(entry, message) : 0;
      if (role === 'user') turns.push({ turn: turns.length + 1, at });
      else if (role === 'assistant') for (const call of callsIn(message)) calls.set(call.id, call);
      else if (role === 'toolResult') {
        const last = turns.at(-1);
        if (last !== undefined) last.at = at;
        const call = calls.get(stringAt(message, 'toolCallId') ?? '');
        const change = call && message['isError'] !== true ? changeOf(call, message, cwd) : undefined;
        if (change !== undefined) changes.push({ turn: Math.max(1, turns.length), ...change });
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    lines.close();
  }
  return { changes, turns };
}

function timeOf(entry: UnknownMap, message: UnknownMap): number {
  if (typeof message['timestamp'] === 'number') return message['timestamp'];
  const at = Date.parse(stringAt(entry, 'timestamp') ?? '');
  return Number.isNaN(at) ? 0 : at;
}

function callsIn(message: UnknownMap): { id: string; name: string; args: UnknownMap }[] {
  const content = message['content'];
  if (!Array.isArray(content)) return [];
  return content.filter(isMap).flatMap((block) => {
    const id = stringAt(block, 'id');
    const name = stringAt(block, 'name');
    const args = block['arguments'];
    return block['type'] === 'toolCall' && id !== undefined && name !== undefined && isMap(args)
      ? [{ id, name, args }]
      : [];
  });
}

function changeOf(
  { name, args }: { name: string; args: UnknownMap },
  result: UnknownMap,
  cwd: string,
): Omit<ToolChange, 'turn'> | undefined {
  const named = stringAt(args, 'path');
  if (named === undefined) return undefined;
  const path = withinFolder(cwd, named);
  if (name === 'write') {
    const lines = linesOf(stringAt(args, 'content') ?? '');
    const body = lines.map((line) => `+${line}\n`).join('');
    return {
      ...{ path, state: 'added', added: lines.length, removed: 0 },
      patch: lines.length === 0 ? '' : `@@ -0,0 +1,${lines.length} @@\n${body}`,
    };
  }
  const details = result['details'];
  const diff = name === 'edit' && isMap(details) ? stringAt(details, 'diff') : undefined;
  return diff === undefined ? undefined : { path, state: 'modified', ...unifiedOf(diff) };
}

/** The path from the folder, or the absolute one when it is outside. */
function withinFolder(cwd: string, named: string): string {
  const path = relative(cwd, resolve(cwd, named));
  return path.startsWith('..') || isAbsolute(path) || path === '' ? resolve(cwd, named) : path;
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

interface PiLine {
  sign: string;
  number: number;
  text: string;
}

/** A diff in pi's own form, with numbers in its lines and `...` for what it leaves out, as hunks of a unified diff. */
export function unifiedOf(diff: string): { patch: string; added: number; removed: number } {
  const hunks: PiLine[][] = [[]];
  for (const line of diff.split('\n')) {
    const [, sign = '', digits = '', text = ''] = /^([ +-]) *(\d*) ?(.*)$/s.exec(line) ?? [];
    if (digits !== '') hunks.at(-1)!.push({ sign, number: Number(digits), text });
    else if (text.trim() === '...') hunks.push([]);
  }
  let patch = '';
  // How much later a line stands in the new file than in the old one.
  let shift = 0;
  let [added, removed] = [0, 0];
  for (const lines of hunks) {
    const count = (sign: string) => lines.filter((line) => line.sign === sign).length;
    const [plus, minus, same] = [count('+'), count('-'), count(' ')];
    if (plus + minus === 0) continue;
    const first = lines[0]!;
    const wasStart = first.sign === '+' ? first.number - shift : first.number;
    const start = (at: number, size: number) => (size === 0 ? at - 1 : at);
    patch +=
      `@@ -${start(wasStart, minus + same)},${minus + same} +${start(wasStart + shift, plus + same)},${plus + same} @@\n` +
      lines.map(({ sign, text }) => `${sign}${text}\n`).join('');
    shift += plus - minus;
    added += plus;
    removed += minus;
  }
  return { patch, added, removed };
}
