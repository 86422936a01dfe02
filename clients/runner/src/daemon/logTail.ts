import { setTimeout as sleep } from 'node:timers/promises';
import {
  CodedError,
  isHighSurrogate,
  LOG_PAGE,
  newId,
  type MethodRequest,
  type RunnerLogPage,
} from '@pizzapi/protocol';
import { Condition } from './condition.js';

/** How much of the log is kept in memory: lines, and their characters. */
const MAX_LINES = 5_000;
const MAX_CHARS = 1024 * 1024;
/** Characters of one line. */
const MAX_LINE_CHARS = 8 * 1024;
/** Characters of the lines of one reply. */
const PAGE_CHARS = 256 * 1024;
/** Lines are gathered for so long before they are answered, in ms: a reader gets a few pages in a second, however much is logged. */
const GATHER_MS = 250;
/** Requests that wait for a line at once. */
export const MAX_LOG_READERS = 16;
const DEFAULT_LINES = 100;

/** At most so many characters, in constant time: a flood of long lines must not keep the runner busy. */
function cut(line: string): string {
  if (line.length <= MAX_LINE_CHARS) return line;
  const end = MAX_LINE_CHARS - 1;
  return `${line.slice(0, isHighSurrogate(line.charCodeAt(end - 1)) ? end - 1 : end)}…`;
}

/** The last lines of the log of this process, for people who read it from elsewhere. */
export class LogTail {
  readonly id = newId('log');
  private lines: string[] = [];
  private chars = 0;
  /** The number of the first line that is kept. */
  private first = 0;
  private readonly added = new Condition();

  /** Adds a line, which has no secrets. */
  add(line: string): void {
    const kept = cut(line.trimEnd());
    this.lines.push(kept);
    this.chars += kept.length;
    let gone = 0;
    while (this.lines.length - gone > MAX_LINES || this.chars > MAX_CHARS) this.chars -= this.lines[gone++]!.length;
    this.lines.splice(0, gone);
    this.first += gone;
    this.added.notify();
  }

  /** Answers the last lines, or those after a line. Where no line follows that one yet, it waits for the next. */
  async read(
    { lines = DEFAULT_LINES, logId, after, waitMs = 0 }: MethodRequest<'read_log'>,
    signal: AbortSignal,
  ): Promise<RunnerLogPage> {
    if (after === undefined) return this.page(Math.max(this.first, this.end - lines));
    if (logId !== undefined && logId !== this.id) return this.page(0);
    if (after > this.end) throw new CodedError('invalid_offset', `The log has reached ${this.end}`);
    if (after === this.end && waitMs > 0) await this.line(waitMs, signal);
    await sleep(GATHER_MS, undefined, { signal }).catch(() => undefined);
    return this.page(after);
  }

  private get end(): number {
    return this.first + this.lines.length;
  }

  private page(after: number): RunnerLogPage {
    const from = Math.max(after, this.first);
    const page: string[] = [];
    let chars = 0;
    for (const line of this.lines.slice(from - this.first, from - this.first + LOG_PAGE)) {
      chars += line.length;
      if (chars > PAGE_CHARS) break;
      page.push(line);
    }
    const skipped = from - after;
    return { logId: this.id, lines: page, next: from + page.length, ...(skipped > 0 ? { skipped } : {}) };
  }

  private line(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.added.waiting >= MAX_LOG_READERS)
      throw new CodedError('rpc_busy', `${MAX_LOG_READERS} readers follow the log`);
    return this.added.next(() => true, waitMs, signal);
  }
}
