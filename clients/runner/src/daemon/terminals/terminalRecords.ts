import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivateFile, writePrivateJson } from '@pizzapi/process';
import { isMap, numberAt, parseTerminalId, stringAt } from '@pizzapi/protocol';

/** What a daemon needs to find a terminal again. */
export interface TerminalRecord {
  terminalId: string;
  /** The account that opened it. No other account may use it. */
  userId: string;
  cwd: string;
  sessionId?: string;
  openedAt: number;
  /** Its process. */
  pid: number;
  start: string;
  socket: string;
}

/** One file per terminal. */
export class TerminalRecords {
  constructor(private readonly folder: string) {}

  async all(): Promise<TerminalRecord[]> {
    const names = await readdir(this.folder).catch(() => []);
    const read = await Promise.all(
      names.filter((name) => name.endsWith('.json')).map((name) => readPrivateFile(join(this.folder, name))),
    );
    return read.flatMap((value) => recordIn(value) ?? []);
  }

  async write(record: TerminalRecord): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writePrivateJson(this.path(record.terminalId), record);
  }

  async remove(terminalId: string): Promise<void> {
    await rm(this.path(terminalId), { force: true });
  }

  private path(terminalId: string): string {
    return join(this.folder, `${parseTerminalId(terminalId)?.name ?? 'unknown'}.json`);
  }
}

function recordIn(value: unknown): TerminalRecord | undefined {
  if (!isMap(value)) return undefined;
  const [terminalId, userId, cwd] = [stringAt(value, 'terminalId'), stringAt(value, 'userId'), stringAt(value, 'cwd')];
  const [start, socket, sessionId] = [
    stringAt(value, 'start'),
    stringAt(value, 'socket'),
    stringAt(value, 'sessionId'),
  ];
  const [pid, openedAt] = [numberAt(value, 'pid'), numberAt(value, 'openedAt')];
  if (terminalId === undefined || parseTerminalId(terminalId) === undefined || userId === undefined) return undefined;
  if (cwd === undefined || pid === undefined || start === undefined || socket === undefined) return undefined;
  const base = { terminalId, userId, cwd, openedAt: openedAt ?? 0, pid, start, socket };
  return sessionId === undefined ? base : { ...base, sessionId };
}
