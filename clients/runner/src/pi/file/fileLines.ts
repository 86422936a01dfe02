import { isUtf8 } from 'node:buffer';
import { CodedError, isMap, parseJson, type UnknownMap } from '@pizzapi/protocol';

/** What is wrong in a session file, and where. `line` counts from 1; `what` completes the sentence "Line 3 …". */
export interface Damage {
  line: number;
  what: string;
}

/** One JSON object of a file, with the number of its line. */
export interface FileValue {
  line: number;
  value: UnknownMap;
}

export interface FileLines {
  /** Every object that could be read, in the order of the file. */
  values: FileValue[];
  /** In the order of the file. */
  damage: Damage[];
  /** Whether the last line lacks its end, as in a file that was cut off. */
  isCut: boolean;
}

/** A string with a raw line break continues on at most so many lines. */
const MAX_CONTINUED_LINES = 1_000;
/** In one line, an entry is searched for at most at so many places. */
const MAX_STARTS = 64;

/** A line that was not read as one JSON object: what is wrong, and what could be read. */
interface BadLine {
  what: string;
  values: UnknownMap[];
  /** How many lines after this one belong to it. */
  extraLines?: number;
}

/**
 * Splits a session file into its JSON objects. A byte order mark and empty lines are no damage, and neither is a last
 * line without a line break. Each damaged line is named; what could be read of it is in `values`.
 */
export function readFileLines(bytes: Uint8Array, maxDepth: number): FileLines {
  const text = new TextDecoder().decode(bytes);
  const lines = text.split('\n');
  const broken = isUtf8(bytes) ? new Set<number>() : linesOutsideUtf8(bytes);
  const last = lines.findLastIndex((line) => line.trim() !== '');
  const endsOpen = last === lines.length - 1;
  const found: FileLines = { values: [], damage: [], isCut: false };
  for (let index = 0; index <= last; index++) {
    const line = lines[index]!;
    const number = index + 1;
    if (line.trim() === '') continue;
    const value = parseLine(line, maxDepth);
    if (isMap(value)) {
      found.values.push({ line: number, value });
      if (broken.has(index)) found.damage.push({ line: number, what: 'holds bytes that are not UTF-8' });
      continue;
    }
    const bad =
      value === 'too deep'
        ? { what: `nests more than ${maxDepth} levels deep`, values: [] }
        : diagnose(lines, index, last, maxDepth);
    found.damage.push({ line: number, what: bad.what });
    for (const each of bad.values) found.values.push({ line: number, value: each });
    found.isCut ||= index === last && endsOpen && bad.values.length === 0;
    index += bad.extraLines ?? 0;
  }
  return found;
}

/** The value of a line; undefined where it is not JSON. */
function parseLine(line: string, maxDepth: number): unknown {
  try {
    return parseJson(line, maxDepth) ?? null;
  } catch (error) {
    return error instanceof CodedError ? 'too deep' : undefined;
  }
}

function diagnose(lines: readonly string[], index: number, last: number, maxDepth: number): BadLine {
  const line = lines[index]!;
  const asMap = (text: string): UnknownMap | undefined => {
    const value = parseLine(text, maxDepth);
    return isMap(value) ? value : undefined;
  };
  if (line.includes('\0')) {
    const rest = asMap(line.replaceAll('\0', ''));
    return { what: 'holds NUL bytes', values: rest === undefined ? [] : [rest] };
  }
  const several = severalEntries(line, asMap);
  if (several !== undefined) return several;
  const escaped = asMap(escapeControls(line));
  if (escaped !== undefined) return { what: 'holds a raw control character in a string', values: [escaped] };
  // A line that begins an entry of its own does not continue this one. Only what begins as an entry is continued: a file of
  // something else would be read again for each of its lines.
  const mayContinue = line.trimStart().startsWith('{');
  for (let end = index + 1; mayContinue && end <= last && end - index <= MAX_CONTINUED_LINES; end++) {
    if (asMap(lines[end]!) !== undefined) break;
    const whole = asMap(escapeControls(lines.slice(index, end + 1).join('\n')));
    if (whole === undefined) continue;
    return { what: 'holds a raw line break in a string', values: [whole], extraLines: end - index };
  }
  const isJson = parseLine(line, maxDepth) !== undefined;
  if (isJson) return { what: 'is not an entry of a pi session', values: [] };
  return { what: mayContinue ? 'is cut off' : 'is not JSON', values: [] };
}

/** Entries that stand on one line because a line break is missing; also those behind the beginning of another one. */
function severalEntries(line: string, asMap: (text: string) => UnknownMap | undefined): BadLine | undefined {
  const values: UnknownMap[] = [];
  let from = 0;
  let isTorn = false;
  const starts = entryStarts(line).filter((start) => start > 0);
  for (const start of [...starts, line.length]) {
    const value = asMap(line.slice(from, start));
    if (value === undefined) continue;
    values.push(value);
    from = start;
  }
  if (from === line.length && values.length > 1) return { what: `holds ${values.length} entries`, values };
  // The first entry is torn: the last one that can be read ends with the line.
  const whole = starts.map((start) => asMap(line.slice(Math.max(start, from)))).find((value) => value !== undefined);
  if (whole !== undefined) {
    isTorn = true;
    values.push(whole);
  }
  return isTorn ? { what: 'is cut off, and another entry follows on it', values } : undefined;
}

/** Where an entry may begin in a line. */
function entryStarts(line: string): number[] {
  const starts: number[] = [];
  for (let at = line.indexOf('{"'); at >= 0 && starts.length < MAX_STARTS; at = line.indexOf('{"', at + 1)) {
    if (at === 0 || line[at - 1] === '}' || line.startsWith('{"type":"', at)) starts.push(at);
  }
  return starts;
}

/** Escapes the control characters that JSON forbids in a string. Outside of strings, only white space is left. */
function escapeControls(text: string): string {
  let isInString = false;
  let result = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (isInString && char === '\\') result += char + (text[++at] ?? '');
    else if (isInString && char < ' ') result += `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    else {
      if (char === '"') isInString = !isInString;
      result += char;
    }
  }
  return result;
}

/** The indexes of the lines whose bytes are not UTF-8. */
function linesOutsideUtf8(bytes: Uint8Array): Set<number> {
  const found = new Set<number>();
  let index = 0;
  for (let from = 0; from <= bytes.length; index++) {
    const at = bytes.indexOf(0x0a, from);
    const end = at < 0 ? bytes.length : at;
    if (!isUtf8(bytes.subarray(from, end))) found.add(index);
    from = end + 1;
  }
  return found;
}
