import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readPrivateFile, writePrivateJson } from '@pizzapi/process';
import { CodedError, isMap, numberAt, stringAt } from '@pizzapi/protocol';

/** What the runner keeps of a work tree that it made for a session. */
export interface WorktreeRecord {
  worktreeId: string;
  sessionId: string;
  /** The folder of the work tree. */
  path: string;
  /** The top of the work tree that it was made from. */
  repository: string;
  branch: string;
  base: string;
  baseBranch: string | null;
  createdAt: number;
  kept: boolean;
}

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;

function parseRecord(value: unknown): WorktreeRecord | undefined {
  if (!isMap(value)) return undefined;
  const text = (field: string) => stringAt(value, field);
  const [worktreeId, sessionId, path] = [text('worktreeId'), text('sessionId'), text('path')];
  const [repository, branch, base] = [text('repository'), text('branch'), text('base')];
  if (worktreeId === undefined || sessionId === undefined || path === undefined) return undefined;
  if (repository === undefined || branch === undefined || base === undefined) return undefined;
  return {
    ...{ worktreeId, sessionId, path, repository, branch, base },
    baseBranch: text('baseBranch') ?? null,
    createdAt: numberAt(value, 'createdAt') ?? 0,
    kept: value['kept'] === true,
  };
}

/**
 * The records of the work trees of sessions, one file each. They are not in the folder of the work trees: people write
 * there, and a record says what is removed.
 */
export class WorktreeRecords {
  constructor(
    private readonly folder: string,
    /** The folder of the work trees. */
    private readonly trees: string,
  ) {}

  pathOf(worktreeId: string): string {
    if (!NAME.test(worktreeId)) throw new CodedError('worktree_unknown', `There is no work tree "${worktreeId}"`);
    return join(this.trees, worktreeId);
  }

  /** In the order in which they were made. */
  async all(): Promise<WorktreeRecord[]> {
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => name.endsWith('.json'));
    const records = await Promise.all(names.map((name) => this.find(name.slice(0, -'.json'.length))));
    return records.filter((record) => record !== undefined).sort((a, b) => a.createdAt - b.createdAt);
  }

  async find(worktreeId: string): Promise<WorktreeRecord | undefined> {
    const path = this.pathOf(worktreeId);
    const record = parseRecord(await readPrivateFile(this.fileOf(worktreeId)));
    return record?.worktreeId === worktreeId ? { ...record, path } : undefined;
  }

  async get(worktreeId: string): Promise<WorktreeRecord> {
    const record = await this.find(worktreeId);
    if (record === undefined) throw new CodedError('worktree_unknown', `There is no work tree "${worktreeId}"`);
    return record;
  }

  save(record: WorktreeRecord): Promise<void> {
    return writePrivateJson(this.fileOf(record.worktreeId), record);
  }

  remove(worktreeId: string): Promise<void> {
    return rm(this.fileOf(worktreeId), { force: true });
  }

  private fileOf(worktreeId: string): string {
    return join(this.folder, `${basename(this.pathOf(worktreeId))}.json`);
  }
}
