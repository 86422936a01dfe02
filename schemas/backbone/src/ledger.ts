import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** How long a command's outcome is remembered, in ms: as long as the stream keeps the command itself. */
export const LEDGER_KEEP_MS = 24 * 60 * 60_000;
/** Lines after which the file is written anew with what is still of use. */
export const LEDGER_MAX_LINES = 10_000;

/** A command that was begun, and how it ended once it has. */
export interface LedgerEntry {
  commandId: string;
  /** Its offset in the stream of commands. */
  seq: number;
  /** When it was begun, in ms since epoch. */
  at: number;
  /** Its effect may have begun. */
  isPassedOn: boolean;
  /** Any JSON; missing while the command is not finished. */
  result?: unknown;
}

type Line =
  /** `marks`: `passed` follows before the effect. Ledgers of earlier versions do not say. */
  | { op: 'begin'; id: string; seq: number; at: number; marks?: true }
  | { op: 'passed'; id: string }
  | { op: 'finish'; id: string; result: unknown }
  | { op: 'cursor'; seq: number };

export interface Ledger {
  /** The highest offset begun: where to read on. */
  readonly cursor: number;
  get(commandId: string): LedgerEntry | undefined;
  /** Writes down, on the disk, that a command's effect is about to happen. `seen`: it has been begun before. */
  begin(commandId: string, seq: number): 'new' | 'seen';
  /** Writes down, on the disk, that a command is about to be passed on: after a crash it may have had its effect. */
  passOn(commandId: string): void;
  /** Writes down how it ended. `result` must survive JSON. */
  finish(commandId: string, result: unknown): void;
  /** Commands begun and not finished: after a crash nobody knows whether they happened. */
  open(): LedgerEntry[];
  close(): void;
}

/** Opens the ledger file, or begins one. A torn last line is as if it had not been written. `now` is for tests. */
export function openLedger(file: string, now: () => number = Date.now): Ledger {
  return new FileLedger(file, now);
}

class FileLedger implements Ledger {
  cursor = 0;
  private readonly entries = new Map<string, LedgerEntry>();
  private lines = 0;
  private fd: number;

  constructor(
    private readonly file: string,
    private readonly now: () => number,
  ) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (existsSync(file)) this.load(readFileSync(file, 'utf8'));
    this.fd = this.rewrite();
  }

  get(commandId: string): LedgerEntry | undefined {
    return this.entries.get(commandId);
  }

  begin(commandId: string, seq: number): 'new' | 'seen' {
    if (this.entries.has(commandId)) {
      if (seq > this.cursor) this.record({ op: 'cursor', seq });
      return 'seen';
    }
    this.record({ op: 'begin', id: commandId, seq, at: this.now(), marks: true });
    fsyncSync(this.fd);
    return 'new';
  }

  passOn(commandId: string): void {
    if (this.entries.get(commandId)?.isPassedOn !== false) return;
    this.record({ op: 'passed', id: commandId });
    fsyncSync(this.fd);
  }

  finish(commandId: string, result: unknown): void {
    this.record({ op: 'finish', id: commandId, result });
    fsyncSync(this.fd);
    if (this.lines < LEDGER_MAX_LINES) return;
    closeSync(this.fd);
    this.fd = this.rewrite();
  }

  open(): LedgerEntry[] {
    return [...this.entries.values()].filter((entry) => !('result' in entry));
  }

  close(): void {
    closeSync(this.fd);
  }

  private record(line: Line): void {
    writeSync(this.fd, `${JSON.stringify(line)}\n`);
    this.lines++;
    this.apply(line);
  }

  private apply(line: Line): void {
    if (line.op === 'finish') {
      const entry = this.entries.get(line.id);
      if (entry !== undefined) entry.result = line.result ?? null;
      return;
    }
    if (line.op === 'passed') {
      const entry = this.entries.get(line.id);
      if (entry !== undefined) entry.isPassedOn = true;
      return;
    }
    this.cursor = Math.max(this.cursor, line.seq);
    if (line.op !== 'begin') return;
    const { id, seq, at, marks } = line;
    this.entries.set(id, { commandId: id, seq, at, isPassedOn: marks !== true });
  }

  private load(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      try {
        this.apply(JSON.parse(line) as Line);
      } catch {
        return; // Torn: the process died while it wrote this line, before it acted on it.
      }
    }
  }

  /** Writes a fresh file with the cursor and what is young enough, and opens it for more. */
  private rewrite(): number {
    const oldest = this.now() - LEDGER_KEEP_MS;
    const lines: Line[] = [{ op: 'cursor', seq: this.cursor }];
    for (const [id, { seq, at, isPassedOn, ...rest }] of this.entries) {
      if (at < oldest) this.entries.delete(id);
      else
        lines.push(
          isPassedOn ? { op: 'begin', id, seq, at } : { op: 'begin', id, seq, at, marks: true },
          ...('result' in rest ? [{ op: 'finish' as const, id, result: rest.result }] : []),
        );
    }
    const draft = `${this.file}.new`;
    const fd = openSync(draft, 'w', 0o600);
    writeSync(fd, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    fsyncSync(fd);
    renameSync(draft, this.file);
    this.lines = lines.length;
    return fd;
  }
}
