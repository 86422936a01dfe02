import { randomUUID } from 'node:crypto';
import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import {
  CURRENT_SESSION_VERSION,
  migrateSessionEntries,
  type FileEntry,
  type SessionEntry,
  type SessionHeader,
  type SessionManager,
} from '@mariozechner/pi-coding-agent';
import { errorInfo, isMap, MAX_DEPTH, type ErrorInfo, type UnknownMap } from '@pizzapi/protocol';
import { repairEntry, RepairCounts } from './file/entryRepair.js';
import { applyContextEdits } from './file/contextEdits.js';
import { checkEntryTree } from './file/entryTree.js';
import { readFileLines, type Damage, type FileLines, type FileValue } from './file/fileLines.js';
import { toPiThinkingLevel } from './thinkingLevels.js';

export type { Damage } from './file/fileLines.js';

/** Larger files are refused, bytes. */
const MAX_SESSION_FILE_BYTES = 512 * 1024 * 1024;

/** The first problem of a file: its code, the line (from 1) and a sentence that says what to do. */
export type InvalidFile = {
  kind: 'invalid';
  code: 'file_not_found' | 'file_invalid' | 'file_truncated' | 'file_damaged' | 'file_empty';
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
  /** The damage that `salvage` accepted: what these lines held is missing, or was put right. */
  damage: Damage[];
  /** What was repaired, one phrase for each kind. */
  repairs: string[];
  /** What is left out because only a newer pi knows it, one phrase for each kind. */
  skipped: string[];
  /** Whether pi would read something else from the file than `entries`. */
  needsCopy: boolean;
}

export interface ParseOptions {
  /** How deep a line may nest. */
  maxDepth?: number;
  /** Accepts damage: takes what can be read, and lists the rest in `damage`. */
  salvage?: boolean;
  /** Accepts a file without a message. */
  mayBeEmpty?: boolean;
}

function invalid(code: InvalidFile['code'], line: number, what: string): InvalidFile {
  return { kind: 'invalid', code, line, message: errorInfo(code, what).message };
}

function read(path: string): Uint8Array | InvalidFile {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return invalid('file_not_found', 0, `There is no file ${path}`);
  if (!stat.isFile()) return invalid('file_invalid', 0, `${path} is not a file`);
  if (stat.size > MAX_SESSION_FILE_BYTES) {
    return invalid('file_invalid', 0, `${path} is larger than ${MAX_SESSION_FILE_BYTES} bytes`);
  }
  return readFileSync(path);
}

/** What is wrong with a header, or undefined. */
function headerProblem({ version = 1 }: UnknownMap): string | undefined {
  if (typeof version !== 'number') return 'has a version that is not a number';
  return version <= CURRENT_SESSION_VERSION
    ? undefined
    : `says version ${version}, and this pi reads up to ${CURRENT_SESSION_VERSION}`;
}

const isHeader = ({ type, id }: UnknownMap): boolean => type === 'session' && typeof id === 'string';

/** What is wrong with a value that should be an entry, or undefined. */
function entryProblem(value: UnknownMap): string | undefined {
  if (typeof value['type'] !== 'string') return 'is not an entry of a pi session';
  if (value['type'] !== 'message') return undefined;
  const { message } = value;
  return isMap(message) && typeof message['role'] === 'string' ? undefined : 'holds a message without a role';
}

/** A header in place of one that cannot be read. */
function newHeader(values: readonly FileValue[]): UnknownMap {
  const first = values[0]?.value ?? {};
  const timestamp = typeof first['timestamp'] === 'string' ? first['timestamp'] : new Date(0).toISOString();
  const version = typeof first['id'] === 'string' ? CURRENT_SESSION_VERSION : 1;
  return { type: 'session', version, id: randomUUID(), timestamp, cwd: '/' };
}

/**
 * Reads a session file of any version of pi. pi skips the lines that it cannot read; here the first damaged line refuses
 * the file, or `salvage` lists what was lost. Entries that lack what pi counts on are repaired.
 */
export function parsePiSessionFile(path: string, options: ParseOptions = {}): ParsedFile | InvalidFile {
  const { maxDepth = MAX_DEPTH, salvage = false, mayBeEmpty = false } = options;
  const bytes = read(path);
  if ('kind' in bytes) return bytes;
  const lines = readFileLines(bytes, maxDepth);
  const found = findHeader(path, lines);
  if (found.kind === 'invalid') return found;
  const { header } = found;
  const damage = [...lines.damage];
  const values = lines.values.filter((each) => {
    // pi ignores a second header.
    if (each.value === header || isHeader(each.value)) return false;
    const what = entryProblem(each.value);
    if (what !== undefined) damage.push({ line: each.line, what });
    return what === undefined;
  });
  const hasIds = typeof header['version'] === 'number' && header['version'] >= 2;
  migrateSessionEntries([header, ...values.map(({ value }) => value)] as unknown as FileEntry[]);
  const tree = checkEntryTree(values);
  damage.push(...tree.damage);
  damage.sort((a, b) => a.line - b.line);
  if (damage.length > 0 && !salvage) return refuse(path, damage, lines.isCut);
  const repairs = repairEntries(tree.entries);
  repairs.add('an entry that the file holds twice', tree.repeated.length);
  repairs.add('an entry whose parent is missing', tree.reattached.length);
  if (!mayBeEmpty && !tree.entries.some(({ value }) => value['type'] === 'message')) {
    return invalid('file_empty', 1, `${path} holds a pi session without a message`);
  }
  return {
    kind: 'ok',
    header: header as unknown as ParsedFile['header'],
    entries: tree.entries.map(({ line, value }) => ({ line, entry: value as unknown as SessionEntry })),
    hasIds,
    damage,
    repairs: repairs.list(),
    skipped: repairs.skipped(),
    needsCopy: damage.length > 0 || tree.repeated.length > 0,
  };
}

/** The header of the file; a new one where the line of the header is damaged. */
function findHeader(path: string, { values, damage }: FileLines): { kind: 'found'; header: UnknownMap } | InvalidFile {
  const [first] = values;
  const lostLine = damage[0]?.line;
  if (first === undefined) {
    return lostLine === undefined
      ? invalid('file_invalid', 1, `${path} is empty`)
      : invalid('file_invalid', lostLine, `Line ${lostLine} of ${path} ${damage[0]!.what}`);
  }
  if (isHeader(first.value)) {
    const problem = headerProblem(first.value);
    if (problem === undefined) return { kind: 'found', header: first.value };
    return invalid('file_invalid', first.line, `Line ${first.line} of ${path} ${problem}`);
  }
  const isLost = lostLine !== undefined && lostLine <= first.line && entryProblem(first.value) === undefined;
  if (isLost) return { kind: 'found', header: newHeader(values) };
  return invalid('file_invalid', first.line, `Line ${first.line} of ${path} is not the header of a pi session`);
}

function refuse(path: string, damage: readonly Damage[], isCut: boolean): InvalidFile {
  const [{ line, what }, ...more] = damage as [Damage, ...Damage[]];
  const others =
    more.length === 0 ? '' : `; ${more.length} more ${more.length === 1 ? 'line is' : 'lines are'} damaged`;
  const code = isCut && more.length === 0 ? 'file_truncated' : 'file_damaged';
  return invalid(code, line, `Line ${line} of ${path} ${what}${others}`);
}

function repairEntries(values: readonly FileValue[]): RepairCounts {
  const repairs = new RepairCounts();
  const context = { repairs, model: undefined };
  for (const { value } of values) repairEntry(value, context);
  return repairs;
}

/**
 * Repairs the entries of an opened session in memory, as `parsePiSessionFile` does: pi has read the file by itself. What
 * a `context_edit` redacted or left out is so then, also for a pi that does not know these entries, and a thinking level
 * is one that the pi that runs has. The file stays as it is.
 */
export function repairOpenEntries(manager: Pick<SessionManager, 'getEntries'>): void {
  const entries = manager.getEntries();
  const values = entries.map((entry, index) => ({ line: index, value: entry as unknown as UnknownMap }));
  checkEntryTree(values);
  repairEntries(values);
  applyEdits(entries);
  for (const { value } of values) {
    if (value['type'] !== 'thinking_level_change') continue;
    const level = toPiThinkingLevel(value['thinkingLevel']);
    if (level !== undefined) value['thinkingLevel'] = level;
  }
}

/** Applies the edits of pi 1.x to the entries, in place, and gives what they put in place the shape that pi counts on. */
export function applyEdits(entries: readonly SessionEntry[]): void {
  const values = entries as unknown as readonly UnknownMap[];
  if (applyContextEdits(values)) repairEntries(values.map((value, line) => ({ line, value })));
}

/**
 * What keeps a session file from being continued, or the file as it was read. pi would empty a foreign file and start
 * afresh in it. `isOwn`: this session wrote it. What its model and its tools produced may nest as deep as it does, and
 * damage by a crash is left out.
 */
export function checkPiSessionFile(
  path: string,
  { isOwn = false, salvage = isOwn }: { isOwn?: boolean; salvage?: boolean } = {},
): ParsedFile | ErrorInfo {
  const maxDepth = isOwn ? Infinity : MAX_DEPTH;
  const parsed = parsePiSessionFile(path, { maxDepth, salvage, mayBeEmpty: isOwn });
  return parsed.kind === 'ok' ? parsed : { code: parsed.code, message: parsed.message };
}

/** Ends the last line of a file, which has to be an entry: what pi appends must not continue that line. */
export function endLastLine(path: string): void {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    if (size === 0 || readSync(fd, last, 0, 1, size - 1) === 0 || last[0] === 0x0a) return;
  } finally {
    closeSync(fd);
  }
  appendFileSync(path, '\n');
}
