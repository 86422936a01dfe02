import { isMap, stringAt } from '@pizzapi/protocol';
import { bytePath, fromBuffer, type BytePath } from '../bytePath.js';

/** Bytes of a line that a match shows. */
export const SHOWN_BYTES = 400;
/** Of these, those before the first thing that matched. */
const BEFORE_BYTES = 100;
/** Ranges of one line. */
const MAX_RANGES = 50;

/** A line of a file that matched, as a search process says. It is believed only after the file was read at this place. */
export interface RawMatch {
  path: BytePath;
  line: number;
  /** Where `text` begins in the file, in bytes. */
  offset: number;
  /** The line, or the part of it around the match. */
  text: Buffer;
  /** In `text`, in bytes. */
  ranges: [number, number][];
}

/** Reads one line of the output of `rg --json`, which our walker writes too. Undefined: it is no match. */
export function parseMatch(line: string): RawMatch | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isMap(value) || value['type'] !== 'match' || !isMap(value['data'])) return undefined;
  const { data } = value;
  const { line_number: number, absolute_offset: start, submatches } = data;
  const path = bytesIn(data['path']);
  const text = bytesIn(data['lines']);
  if (path === undefined || text === undefined || !Array.isArray(submatches)) return undefined;
  if (typeof number !== 'number' || typeof start !== 'number') return undefined;
  const ranges = submatches.slice(0, MAX_RANGES).flatMap((one): [number, number][] => {
    if (!isMap(one) || typeof one['start'] !== 'number' || typeof one['end'] !== 'number') return [];
    return [[one['start'], one['end']]];
  });
  return { path: withoutDot(fromBuffer(path)), line: number, ...shownPart(text, start, ranges) };
}

/** `{ text }`, or `{ bytes }` as base64 when it is no UTF-8. */
function bytesIn(value: unknown): Buffer | undefined {
  if (!isMap(value)) return undefined;
  const text = stringAt(value, 'text');
  if (text !== undefined) return Buffer.from(text, 'utf8');
  const bytes = stringAt(value, 'bytes');
  return bytes === undefined ? undefined : Buffer.from(bytes, 'base64');
}

export const withoutDot = (path: BytePath): BytePath => bytePath(path.replace(/^(\.\/+)+/, ''));

/** The part of a line that is shown: whole characters around the first thing that matched. */
export function shownPart(
  line: Buffer,
  start: number,
  ranges: readonly [number, number][],
): Pick<RawMatch, 'offset' | 'text' | 'ranges'> {
  const end = endOfLine(line);
  const first = ranges[0]?.[0] ?? 0;
  let from = end <= SHOWN_BYTES ? 0 : Math.max(0, Math.min(first - BEFORE_BYTES, end - SHOWN_BYTES));
  while (from > 0 && isInCharacter(line[from])) from--;
  let to = Math.min(end, from + SHOWN_BYTES);
  while (to < end && to > from && isInCharacter(line[to])) to--;
  const clipped = ranges
    .map(([a, b]): [number, number] => [Math.max(0, a - from), Math.min(to, b) - from])
    .filter(([a, b]) => b > a);
  return { offset: start + from, text: Buffer.from(line.subarray(from, to)), ranges: clipped };
}

function endOfLine(line: Buffer): number {
  let end = line.length;
  while (end > 0 && (line[end - 1] === 10 || line[end - 1] === 13)) end--;
  return end;
}

const isInCharacter = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** A path of a process that writes names with NUL between them. */
export const pathsIn = (text: string): BytePath[] =>
  text
    .split('\0')
    .filter((path) => path !== '')
    .map((path) => withoutDot(bytePath(path)));
