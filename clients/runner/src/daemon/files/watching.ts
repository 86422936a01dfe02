import { watch, type FSWatcher } from 'node:fs';
import {
  CodedError,
  FILES_ABANDONED_MS,
  MAX_WATCHED_FOLDERS,
  newId,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import { Condition } from '../condition.js';
import type { Bounds } from './bounds.js';
import { readPath, type BytePath } from './bytePath.js';
import { openWithin } from './confinement.js';

/** Changes of one moment are told together, in ms. */
const GATHER_MS = 100;
/** Watches of a host, each with up to `MAX_WATCHED_FOLDERS` folders. */
const MAX_WATCHES = 64;
const WAIT_MS = 20_000;

interface WatchedFolder {
  watcher: FSWatcher;
  /** The number of the last change in it. */
  changed: number;
}

interface FolderWatch {
  owner: string;
  /** By the path of the request. */
  folders: Map<BytePath, WatchedFolder>;
  /** The number of the last change that can be told. */
  told: number;
  /** A change has come, and is told soon. */
  gathering: NodeJS.Timeout | undefined;
  readonly changes: Condition;
  timer: NodeJS.Timeout | undefined;
}

/** Watches folders for people who see them. A watch ends when no request for it comes any more. */
export class FolderWatches {
  private readonly kept = new Map<string, FolderWatch>();

  constructor(
    private readonly abandonedMs = FILES_ABANDONED_MS,
    private readonly gatherMs = GATHER_MS,
  ) {}

  async wait(
    bounds: Bounds,
    request: MethodRequest<'watch_folders'>,
    { owner, signal }: { owner: string; signal: AbortSignal },
  ): Promise<MethodReply<'watch_folders'>> {
    const known = request.watchId === undefined ? undefined : this.kept.get(request.watchId);
    const isNew = known === undefined || known.owner !== owner;
    const id = isNew || request.watchId === undefined ? this.create(owner) : request.watchId;
    const one = this.kept.get(id);
    if (one === undefined) throw new CodedError('internal');
    clearTimeout(one.timer);
    try {
      const paths = request.folders.map((path) => bounds.locate(readPath(path)));
      const added = await this.follow(one, bounds, paths);
      const after = isNew ? 0 : (request.after ?? 0);
      const changedNow = (): number[] =>
        paths.flatMap((path, index) => {
          const folder = one.folders.get(path);
          const isChanged = folder !== undefined && folder.changed > after && folder.changed <= one.told;
          return isChanged || added.has(path) ? [index] : [];
        });
      if (!isNew && changedNow().length === 0) await one.changes.next(() => true, request.waitMs ?? WAIT_MS, signal);
      const missing = paths.flatMap((path, index) => (one.folders.has(path) ? [] : [index]));
      return { watchId: id, next: one.told, changed: changedNow(), missing };
    } finally {
      one.timer = setTimeout(() => this.forget(id), this.abandonedMs);
      one.timer.unref();
    }
  }

  stop(): void {
    for (const id of [...this.kept.keys()]) this.forget(id);
  }

  private create(owner: string): string {
    const [oldest] = this.kept.keys();
    if (this.kept.size >= MAX_WATCHES && oldest !== undefined) this.forget(oldest);
    const id = newId('watch');
    this.kept.set(id, {
      ...{ owner, folders: new Map(), told: 0, changes: new Condition() },
      ...{ gathering: undefined, timer: undefined },
    });
    return id;
  }

  /** Watches these folders and no others. Returns those that are new: what changed in them before is not known. */
  private async follow(one: FolderWatch, bounds: Bounds, paths: readonly BytePath[]): Promise<Set<BytePath>> {
    const wanted = new Set(paths.slice(0, MAX_WATCHED_FOLDERS));
    for (const [path, { watcher }] of one.folders) {
      if (wanted.has(path)) continue;
      watcher.close();
      one.folders.delete(path);
    }
    const added = new Set<BytePath>();
    for (const path of wanted) {
      if (one.folders.has(path)) continue;
      const watcher = await openWatcher(bounds, path);
      if (watcher === undefined) continue;
      const folder: WatchedFolder = { watcher, changed: 0 };
      const gone = (): void => {
        watcher.close();
        if (one.folders.get(path) === folder) one.folders.delete(path);
        this.note(one, folder);
      };
      watcher.on('change', () => this.note(one, folder));
      watcher.on('error', gone);
      one.folders.set(path, folder);
      added.add(path);
    }
    return added;
  }

  private note(one: FolderWatch, folder: WatchedFolder): void {
    folder.changed = one.told + 1;
    one.gathering ??= setTimeout(() => {
      one.gathering = undefined;
      one.told++;
      one.changes.notify();
    }, this.gatherMs);
  }

  private forget(id: string): void {
    const one = this.kept.get(id);
    if (one === undefined) return;
    clearTimeout(one.timer);
    clearTimeout(one.gathering);
    for (const { watcher } of one.folders.values()) watcher.close();
    this.kept.delete(id);
    one.changes.notify();
  }
}

/** Watches the folder that was opened, wherever its path leads by then. */
async function openWatcher(bounds: Bounds, path: BytePath): Promise<FSWatcher | undefined> {
  try {
    const folder = await openWithin(bounds, path, 'folder');
    try {
      return watch(folder.self, { persistent: false });
    } finally {
      await folder.close();
    }
  } catch (error) {
    // Outside, gone, or the system has no more watches to give.
    if (error instanceof CodedError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
}
