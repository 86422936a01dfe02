import { readFileSync, statSync } from 'node:fs';
import {
  CURRENT_SESSION_VERSION,
  migrateSessionEntries,
  type FileEntry,
  type SessionEntry,
  type SessionHeader,
} from '@mariozechner/pi-coding-agent';
import { CodedError, errorInfo, isMap, MAX_DEPTH, parseJson, type ErrorInfo } from '@pizzapi/protocol';

/** Larger files are refused, bytes. */
const MAX_SESSION_FILE_BYTES = 512 * 1024 * 1024;

/** The first problem of a file: its code, the line (from 1) and a sentence that says what to do. */
export type InvalidFile = {
  kind: 'invalid';
  code: 'file_not_found' | 'file_invalid' | 'file_truncated';
  line: number;
  message: string;
};

export interface ParsedFile {
  kind: 'ok';
  header: SessionHeader & { provider?: string; modelId?: string; thinkingLevel?: string };
  /** In the file's order, in pi's current format; `line` counts from 1. */
  entries: { line: number; entry: SessionEntry }[];
  /** Whether the entries' ids are the file's own; the first format had none, and pi makes some up as it reads. */
  hasIds: boolean;
}

function invalid(code: InvalidFile['code'], line: number, what: string): InvalidFile {
  return { kind: 'invalid', code, line, message: errorInfo(code, what).message };
}

function read(path: string): string | InvalidFile {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return invalid('file_not_found', 0, `There is no file ${path}`);
  if (!stat.isFile()) return invalid('file_invalid', 0, `${path} is not a file`);
  if (stat.size > MAX_SESSION_FILE_BYTES) {
    return invalid('file_invalid', 0, `${path} is larger than ${MAX_SESSION_FILE_BYTES} bytes`);
  }
  return readFileSync(path, 'utf8');
}

/** What is wrong with one parsed line, or undefined. The first must be the header, the others entries. */
function lineProblem(value: unknown, isHeader: boolean): string | undefined {
  if (!isMap(value) || typeof value['type'] !== 'string') return 'is not an entry of a pi session';
  if (isHeader) {
    if (value['type'] !== 'session' || typeof value['id'] !== 'string') return 'is not the header of a pi session';
    const version = value['version'] ?? 1;
    if (typeof version !== 'number') return 'has a version that is no number';
    return version <= CURRENT_SESSION_VERSION
      ? undefined
      : `says version ${version}, and this pi reads up to ${CURRENT_SESSION_VERSION}`;
  }
  if (value['type'] === 'message') {
    const message = value['message'];
    if (!isMap(message) || typeof message['role'] !== 'string') return 'holds a message without a role';
  }
  return undefined;
}

/**
 * Reads a session file of any version of pi, strictly: pi itself skips what it cannot read, which would be a loss here.
 * A line may nest `maxDepth` levels deep.
 */
export function parsePiSessionFile(path: string, maxDepth = MAX_DEPTH): ParsedFile | InvalidFile {
  const text = read(path);
  if (typeof text !== 'string') return text;
  const lines = text.split('\n');
  const last = lines.findLastIndex((line) => line.trim() !== '');
  if (last < 0) return invalid('file_invalid', 1, `${path} is empty`);
  const values: FileEntry[] = [];
  const numbers: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = parseJson(line, maxDepth);
    } catch (error) {
      if (error instanceof CodedError)
        return invalid(
          'file_invalid',
          index + 1,
          `Line ${index + 1} of ${path} nests more than ${maxDepth} levels deep`,
        );
      // Only a line that was being written when the file was copied ends without its newline.
      const cut = index === last && index === lines.length - 1 && index > 0;
      return cut
        ? invalid('file_truncated', index + 1, `Line ${index + 1} of ${path} is incomplete`)
        : invalid('file_invalid', index + 1, `Line ${index + 1} of ${path} is not JSON`);
    }
    const problem = lineProblem(value, values.length === 0);
    if (problem !== undefined) return invalid('file_invalid', index + 1, `Line ${index + 1} of ${path} ${problem}`);
    values.push(value as FileEntry);
    numbers.push(index + 1);
  }
  const header = values[0] as SessionHeader;
  const hasIds = (header.version ?? 1) >= 2;
  migrateSessionEntries(values);
  const entries = values
    .map((entry, index) => ({ line: numbers[index]!, entry }))
    .filter((item): item is { line: number; entry: SessionEntry } => item.entry.type !== 'session');
  return { kind: 'ok', header, entries, hasIds };
}

/**
 * What keeps a session file from being continued, or undefined. pi would empty a foreign file and start afresh in it.
 * `isOwn`: this session wrote it, and what its model and its tools said may nest as deep as it does.
 */
export function checkPiSessionFile(path: string, isOwn = false): ErrorInfo | undefined {
  const parsed = parsePiSessionFile(path, isOwn ? Infinity : MAX_DEPTH);
  return parsed.kind === 'ok' ? undefined : { code: parsed.code, message: parsed.message };
}
