import {
  CodedError,
  FILES_ABANDONED_MS,
  MATCHES_PAGE,
  MAX_MATCHES,
  newId,
  type FileMatch,
  type FileMatches,
  type MethodRequest,
} from '@pizzapi/protocol';
import { Condition } from '../../condition.js';
import type { Bounds } from '../bounds.js';
import { joinPath, named, readPath, toText, type BytePath } from '../bytePath.js';
import { withParent, withPath, type OpenPath } from '../confinement.js';
import { repositoryOf } from '../gitStates.js';
import { lstat } from 'node:fs/promises';
import { kindOf } from '../fileFacts.js';
import { confirmMatches, readMatches } from './contentSearch.js';
import { scoreName } from './fuzzy.js';
import { NameLists } from './nameLists.js';
import { isCaseMatched } from './pattern.js';
import type { RawMatch } from './rawMatch.js';
import { startSearch, type SearchedBy, type SearchPrograms, type SearchProcess } from './searchProcess.js';

/** Searches that run at once. */
export const MAX_SEARCHES = 16;
/** Searches that are kept at once, also those that have ended. */
const MAX_KEPT = 64;
/** How long a search may run, in ms. */
const SEARCH_MS = 120_000;
/** How long the first request waits when it does not say, in ms. */
const WAIT_MS = 5_000;
/** How long a later request gathers matches, in ms: who has the first ones does not need each of the others at once. */
const GATHER_MS = 100;
const DEFAULT_MATCHES = 2_000;
/** Names that are scored until other work has its turn. */
const SCORED_AT_ONCE = 5_000;

export interface SearchesDeps {
  programs: () => SearchPrograms;
  /** The environment that commands of the agent have. */
  env: NodeJS.ProcessEnv;
  abandonedMs?: number;
}

type NamedMatch = { path: BytePath; ranges: [number, number][] };

interface Search {
  readonly owner: string;
  readonly bounds: Bounds;
  readonly folder: BytePath;
  by: SearchedBy;
  found: (RawMatch | NamedMatch)[];
  limited: boolean;
  hasEnded: boolean;
  problem: string | undefined;
  end: () => void;
  /** Called at each match and at the end. */
  readonly changes: Condition;
  timer: NodeJS.Timeout | undefined;
}

/** Searches for files. Each belongs to the person who began it, and ends when no request for it comes any more. */
export class Searches {
  private readonly kept = new Map<string, Search>();
  private readonly names = new NameLists();

  constructor(private readonly deps: SearchesDeps) {}

  /** `owner` names the person and what they may see: a guest cannot continue the search of the owner. */
  async start(
    bounds: Bounds,
    request: MethodRequest<'search_files'>,
    { owner, signal }: { owner: string; signal: AbortSignal },
  ): Promise<FileMatches> {
    this.makeRoom();
    const path = request.path === undefined ? bounds.base : readPath(request.path);
    const id = newId('search');
    await withPath(bounds, path, 'folder', async (folder) => {
      const inGit = (await repositoryOf(folder.real)) !== undefined;
      const { env, programs } = this.deps;
      const start = (): SearchProcess => startSearch(request, folder, { programs: programs(), env, inGit });
      const search: Search = {
        ...{ owner, bounds, folder: folder.real, by: 'walker', found: [], limited: false },
        ...{ hasEnded: false, problem: undefined, end: () => undefined, changes: new Condition(), timer: undefined },
      };
      const limit = Math.min(request.limit ?? DEFAULT_MATCHES, MAX_MATCHES);
      if (request.in === 'contents') await this.searchContents(search, start(), limit);
      else this.searchNames(search, request, { folder, start, limit });
      this.kept.set(id, search);
    });
    return this.take(id, { owner, after: 0, waitMs: request.waitMs ?? WAIT_MS, signal });
  }

  more(
    { searchId, after, waitMs = WAIT_MS }: MethodRequest<'search_more'>,
    { owner, signal }: { owner: string; signal: AbortSignal },
  ): Promise<FileMatches> {
    return this.take(searchId, { owner, after, waitMs, signal });
  }

  cancel(id: string, owner: string): void {
    this.find(id, owner);
    this.forget(id);
  }

  stop(): void {
    for (const id of [...this.kept.keys()]) this.forget(id);
    this.names.stop();
  }

  /** Resolves when the process has started: until then the folder is held. */
  private async searchContents(search: Search, process: SearchProcess, limit: number): Promise<void> {
    const { child, by } = process;
    search.by = by;
    search.end = () => child.kill('SIGKILL');
    const late = setTimeout(() => {
      search.limited = true;
      search.end();
    }, SEARCH_MS);
    void readMatches(process, (match) => {
      if (search.found.length >= limit) {
        search.limited = true;
        return false;
      }
      search.found.push(match);
      search.changes.notify();
      return true;
    }).then((problem) => {
      clearTimeout(late);
      search.problem = problem === '' ? undefined : problem;
      search.hasEnded = true;
      search.changes.notify();
    });
    await started(child);
  }

  /** The process that lists the names has started in the folder when this returns. */
  private searchNames(
    search: Search,
    request: MethodRequest<'search_files'>,
    { folder, start, limit }: { folder: OpenPath; start: () => SearchProcess; limit: number },
  ): void {
    const { list, release } = this.names.use(request, folder, start);
    const query = request.query.replace(/\s+/g, '');
    const matchCase = isCaseMatched(request);
    let isOver = false;
    search.end = () => {
      isOver = true;
      release();
    };
    const work = async (): Promise<void> => {
      const { by, paths, limited } = await list;
      search.by = by;
      const best: (NamedMatch & { score: number })[] = [];
      for (let at = 0; at < paths.length && !isOver; at += SCORED_AT_ONCE) {
        for (const path of paths.slice(at, at + SCORED_AT_ONCE)) {
          const found = scoreName(query, toText(path), matchCase);
          if (found !== undefined) best.push({ path, ...found });
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      best.sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1));
      search.found = best.slice(0, limit);
      search.limited = limited || best.length > limit;
    };
    const done = work().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : 'The names could not be listed'),
    );
    void done.then((problem) => {
      search.problem = problem;
      search.hasEnded = true;
      release();
      search.changes.notify();
    });
  }

  private async take(
    id: string,
    { owner, after, waitMs, signal }: { owner: string; after: number; waitMs: number; signal: AbortSignal },
  ): Promise<FileMatches> {
    const search = this.find(id, owner);
    clearTimeout(search.timer);
    // A caller that left before the first answer does not know the id.
    const onLeft = (): void => (after === 0 ? this.forget(id) : undefined);
    signal.addEventListener('abort', onLeft);
    if (signal.aborted) onLeft();
    try {
      if (after > search.found.length) throw new CodedError('invalid_offset');
      await search.changes.until(() => search.found.length > after || search.hasEnded, waitMs, signal);
      if (after > 0)
        await search.changes.until(
          () => search.found.length >= after + MATCHES_PAGE || search.hasEnded,
          GATHER_MS,
          signal,
        );
      if (search.problem !== undefined && search.found.length === 0)
        throw new CodedError('search_invalid', search.problem.slice(0, 500));
      const page = search.found.slice(after, after + MATCHES_PAGE);
      const next = after + page.length;
      const isOver = search.hasEnded && next >= search.found.length;
      const matches = await confirmed(search, page);
      return {
        ...{ searchId: id, matches, by: search.by },
        ...(isOver ? {} : { next }),
        ...(isOver && search.limited ? { limited: true } : {}),
      };
    } finally {
      signal.removeEventListener('abort', onLeft);
      if (this.kept.get(id) === search) {
        search.timer = setTimeout(() => this.forget(id), this.deps.abandonedMs ?? FILES_ABANDONED_MS);
        search.timer.unref();
      }
    }
  }

  private find(id: string, owner: string): Search {
    const search = this.kept.get(id);
    if (search === undefined || search.owner !== owner) throw new CodedError('search_unknown');
    return search;
  }

  private forget(id: string): void {
    const search = this.kept.get(id);
    if (search === undefined) return;
    clearTimeout(search.timer);
    search.end();
    this.kept.delete(id);
  }

  private makeRoom(): void {
    const running = [...this.kept.values()].filter(({ hasEnded }) => !hasEnded).length;
    if (running >= MAX_SEARCHES) throw new CodedError('rpc_busy', `The host runs ${running} searches`);
    const [ended] = [...this.kept].find(([, { hasEnded }]) => hasEnded) ?? [];
    if (this.kept.size >= MAX_KEPT && ended !== undefined) this.forget(ended);
  }
}

const started = (child: SearchProcess['child']): Promise<void> =>
  new Promise((resolve) => {
    if (child.pid === undefined) child.once('error', () => resolve());
    else resolve();
  });

async function confirmed(search: Search, page: Search['found']): Promise<FileMatch[]> {
  const { bounds, folder } = search;
  const raw = page.filter((match): match is RawMatch => 'offset' in match);
  if (raw.length > 0) return confirmMatches(bounds, folder, raw);
  const names = page.filter((match): match is NamedMatch => !('offset' in match));
  const found = await Promise.all(names.map((match) => confirmName(bounds, folder, match)));
  return found.filter((match) => match !== undefined);
}

/** A name that was found by a path that was swapped meanwhile is left out, and one that is gone. */
async function confirmName(
  bounds: Bounds,
  folder: BytePath,
  { path, ranges }: NamedMatch,
): Promise<FileMatch | undefined> {
  try {
    const stats = await withParent(bounds, joinPath(folder, path), async (parent, name) =>
      joinPath(parent.real, name) === joinPath(folder, path) ? lstat(parent.at(name)) : undefined,
    );
    return stats === undefined ? undefined : { ...named(path), kind: kindOf(stats), ranges };
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
