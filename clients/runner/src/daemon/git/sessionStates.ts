import { readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyedSerialQueue, readPrivateFile, writePrivateJson, type Logger } from '@pizzapi/process';
import { CodedError, isId } from '@pizzapi/protocol';
import { DIFF_OPTIONS, readStatus } from './gitReads.js';
import type { GitProgram } from './gitProgram.js';
import { parseDiff, type DiffEntry } from './porcelain.js';
import { Repository } from './repository.js';
import { parseStates, type SessionStates } from './stateFile.js';
import { StateStore } from './stateStore.js';

/** Turns of one session that are kept. */
const MAX_TURNS = 5_000;

export interface SessionStatesDeps {
  git: GitProgram | undefined;
  roots: readonly string[];
  /** A folder of the runner, with one folder for each session. */
  folder: string;
  log: Pick<Logger, 'warn' | 'debug'>;
}

/** The states of a session, with the store that has their trees. */
export interface KeptStates extends SessionStates {
  top: string;
  store: StateStore;
}

const NO_GIT = 'This host has no git';

/**
 * Records the state of a session's work tree at its start and at the end of each turn. A failure is logged and never
 * reaches the session. One state at a time is recorded of a session.
 */
export class SessionStateRecorder {
  private readonly queue = new KeyedSerialQueue();

  constructor(private readonly deps: SessionStatesDeps) {}

  /** Records the start of a session. Never rejects. */
  begin(sid: string, cwd: string): Promise<void> {
    return this.quietly(sid, async () => {
      const began = { at: Date.now(), head: null, branch: null, tree: '' };
      const { git, roots } = this.deps;
      try {
        if (git === undefined) throw new CodedError('git_missing', NO_GIT);
        const repository = await Repository.find(git, cwd, roots);
        const excludes = join(repository.commonDir, 'info', 'exclude');
        const store = new StateStore(git, { folder: this.folderOf(sid), top: repository.top });
        await store.create(repository);
        const { branch } = await readStatus(repository);
        const tree = await store.take(excludes);
        const { top } = repository;
        await this.save(sid, {
          ...{ cwd, top, excludes, turns: [] },
          began: { ...began, head: branch.oid, branch: branch.head, tree },
        });
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        await rm(join(this.folderOf(sid), 'git'), { recursive: true, force: true });
        await this.save(sid, { cwd, why: error.message, began, turns: [] });
      }
    });
  }

  /** Records the end of a turn. Never rejects. */
  endTurn(sid: string): Promise<void> {
    return this.quietly(sid, async () => {
      const states = await this.read(sid);
      if (states?.top === undefined || states.turns.length >= MAX_TURNS) return;
      const kept = this.keptStates(sid, states);
      const tree = await this.takeTree(kept);
      const before = states.turns.at(-1)?.tree ?? states.began.tree;
      const files = await compareTrees(kept.store, before, tree);
      const sum = (field: 'added' | 'removed') => files.reduce((total, file) => total + (file[field] ?? 0), 0);
      const turn = { turn: (states.turns.at(-1)?.turn ?? 0) + 1, at: Date.now(), tree, files: files.length };
      states.turns.push({ ...turn, added: sum('added'), removed: sum('removed') });
      await this.save(sid, states);
    });
  }

  /** What is recorded of a session; undefined when nothing is. */
  async read(sid: string): Promise<SessionStates | undefined> {
    return parseStates(await readPrivateFile(join(this.folderOf(sid), 'states.json')));
  }

  /** The states of a session with their store, or undefined when they are not kept. */
  async find(sid: string): Promise<KeptStates | undefined> {
    const states = await this.read(sid);
    return states?.top === undefined || this.deps.git === undefined ? undefined : this.keptStates(sid, states);
  }

  /** Runs work on the states of a session while none is recorded. */
  exclusively<T>(sid: string, work: () => Promise<T>): Promise<T> {
    return this.queue.run(sid, work);
  }

  /** The tree of the work tree as it is now. Call it within `exclusively`. */
  async takeTree({ top, excludes, store }: KeptStates): Promise<string> {
    if ((await realpath(top).catch(() => undefined)) !== top)
      throw new CodedError('cwd_not_found', `There is no ${top} any more`);
    return store.take(excludes ?? '');
  }

  async remove(sid: string): Promise<void> {
    await this.queue.run(sid, () => rm(this.folderOf(sid), { recursive: true, force: true }));
  }

  /** Removes what belongs to no session that this runner has. */
  async prune(isKnown: (sid: string) => Promise<boolean>): Promise<void> {
    for (const name of await readdir(this.deps.folder).catch(() => []))
      if (!isId(name) || !(await isKnown(name)))
        await rm(join(this.deps.folder, name), { recursive: true, force: true });
  }

  private keptStates(sid: string, states: SessionStates): KeptStates {
    const { git } = this.deps;
    const { top } = states;
    if (git === undefined || top === undefined) throw new CodedError('git_missing', NO_GIT);
    return { ...states, top, store: new StateStore(git, { folder: this.folderOf(sid), top }) };
  }

  private save(sid: string, states: SessionStates): Promise<void> {
    return writePrivateJson(join(this.folderOf(sid), 'states.json'), states);
  }

  private folderOf(sid: string): string {
    if (!isId(sid)) throw new CodedError('invalid_id', 'This is no id of a session');
    return join(this.deps.folder, sid);
  }

  private async quietly(sid: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.queue.run(sid, work);
    } catch (error) {
      this.deps.log.warn({ sid, err: error }, 'changes of the session are not recorded');
    }
  }
}

/** The files that differ between two trees. A renamed file is one that is gone and one that is new. */
export async function compareTrees(
  store: StateStore,
  was: string,
  now: string,
  paths: readonly string[] = [],
): Promise<DiffEntry[]> {
  const args = ['diff-tree', '-r', '--raw', '--numstat', '-z', '--no-abbrev', '--no-renames', ...DIFF_OPTIONS];
  return parseDiff((await store.run({ args: [...args, was, now, '--', ...paths] })).stdout);
}
