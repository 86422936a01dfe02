import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError, type FileFacts, type FileMatches, type MethodReply, type MethodRequest } from '@pizzapi/protocol';
import { checkCwd } from '../roots.js';
import { Bounds } from './bounds.js';
import { fromText, isWithin, readPath, type BytePath } from './bytePath.js';
import { createFileWithin, deleteWithin, makeFolderWithin, moveWithin, writeFileWithin } from './changing.js';
import type { GitProgram } from '../git/gitProgram.js';
import { GitStateReader } from './gitStates.js';
import { FolderLister } from './listing.js';
import { factsWithin, readFilePage } from './reading.js';
import { Searches } from './search/searches.js';
import type { SearchPrograms } from './search/searchProcess.js';
import { Trash } from './trash.js';
import { Uploads } from './uploads.js';
import { FolderWatches } from './watching.js';

/** Paths that are looked at together. */
const AT_ONCE = 32;

export interface HostFilesDeps {
  /** Real paths. */
  roots: readonly string[];
  /** Files and folders that are closed although they lie in a root: what the runner and pi keep for themselves. */
  closed: readonly string[];
  /** Folders that are open although they lie in one of these. */
  open?: readonly string[];
  /** The folder of the records of uploads. */
  uploads: string;
  hosts: { get(sid: string): { facts: { cwd: string } } | undefined };
  /** The environment that commands of the agent have. */
  env: NodeJS.ProcessEnv;
  programs: () => SearchPrograms;
  /** Undefined: the host has no git. */
  git: GitProgram | undefined;
}

/** The person who asks, and for a guest the session whose folder is shown. */
export interface FileCaller {
  userId: string;
  within: string | undefined;
  signal: AbortSignal;
}

/** The files of a host, as requests see them. Every request gets the bounds that it stays within. */
export class HostFiles {
  readonly uploads: Uploads;
  private readonly searches: Searches;
  private readonly git: GitStateReader;
  private readonly lister: FolderLister;
  private readonly watches = new FolderWatches();
  private readonly trash: Trash;

  private constructor(
    private readonly deps: HostFilesDeps,
    private readonly ofOwner: Bounds,
    private readonly rules: { closed: BytePath[]; open: BytePath[] },
  ) {
    const { env, programs } = deps;
    this.git = new GitStateReader(deps.git, deps.roots);
    this.lister = new FolderLister(this.git);
    this.searches = new Searches({ env, programs });
    this.trash = new Trash({ env });
    // An upload began within the bounds of its request; a work tree is open to it as well.
    const bounds = new Bounds({ ...rules, base: ofOwner.base, roots: [...ofOwner.roots, ...rules.open] });
    this.uploads = new Uploads({ folder: deps.uploads, bounds });
  }

  static async create(deps: HostFilesDeps): Promise<HostFiles> {
    const roots = deps.roots.map(fromText);
    const [base] = roots;
    if (base === undefined) throw new TypeError('A runner has at least one root');
    const real = async (paths: readonly string[]) => (await Promise.all(paths.map(realOrGiven))).map(fromText);
    const rules = { closed: await real(deps.closed), open: [...roots, ...(await real(deps.open ?? []))] };
    return new HostFiles(deps, new Bounds({ roots, base, ...rules }), rules);
  }

  stop(): Promise<void> {
    this.searches.stop();
    this.watches.stop();
    return this.uploads.stop();
  }

  async list(request: MethodRequest<'list_files'>, call: FileCaller): Promise<MethodReply<'list_files'>> {
    const bounds = await this.boundsOf(request, call);
    const [listed, trash] = await Promise.all([
      this.lister.list(bounds, request, call.signal),
      call.within === undefined && this.trash.exists(),
    ]);
    return { ...listed, trash };
  }

  async find(request: MethodRequest<'find_paths'>, call: FileCaller): Promise<MethodReply<'find_paths'>> {
    const bounds = await this.boundsOf(request, call);
    const paths = request.paths.map((path) => readPath(path));
    const found: (FileFacts | null)[] = [];
    for (let at = 0; at < paths.length; at += AT_ONCE)
      found.push(...(await Promise.all(paths.slice(at, at + AT_ONCE).map((path) => factsWithin(bounds, path)))));
    return { found };
  }

  async read(request: MethodRequest<'read_file'>, call: FileCaller): Promise<MethodReply<'read_file'>> {
    return readFilePage(await this.boundsOf(request, call), request, call.signal);
  }

  async search(request: MethodRequest<'search_files'>, call: FileCaller): Promise<FileMatches> {
    const bounds = await this.boundsOf(request, call);
    return this.searches.start(bounds, request, { owner: ownerOf(call), signal: call.signal });
  }

  searchMore(request: MethodRequest<'search_more'>, call: FileCaller): Promise<FileMatches> {
    return this.searches.more(request, { owner: ownerOf(call), signal: call.signal });
  }

  cancelSearch({ searchId }: MethodRequest<'search_cancel'>, call: FileCaller): void {
    this.searches.cancel(searchId, ownerOf(call));
  }

  async watch(request: MethodRequest<'watch_folders'>, call: FileCaller): Promise<MethodReply<'watch_folders'>> {
    const bounds = await this.boundsOf(request, call);
    return this.watches.wait(bounds, request, { owner: ownerOf(call), signal: call.signal });
  }

  async write(request: MethodRequest<'write_file'>, call: FileCaller): Promise<FileFacts> {
    return this.changing(async () => writeFileWithin(await this.boundsOf(request, call), request));
  }

  async create(request: MethodRequest<'create_file'>, call: FileCaller): Promise<FileFacts> {
    return this.changing(async () => createFileWithin(await this.boundsOf(request, call), request));
  }

  async makeFolder(request: MethodRequest<'make_folder'>, call: FileCaller): Promise<FileFacts> {
    return this.changing(async () => makeFolderWithin(await this.boundsOf(request, call), request));
  }

  async move(request: MethodRequest<'move_file'>, call: FileCaller): Promise<MethodReply<'move_file'>> {
    return this.changing(async () => moveWithin(await this.boundsOf(request, call), request));
  }

  async remove(request: MethodRequest<'delete_file'>, call: FileCaller): Promise<MethodReply<'delete_file'>> {
    return this.changing(async () => deleteWithin(await this.boundsOf(request, call), request, this.trash));
  }

  async beginUpload(request: MethodRequest<'upload_begin'>, call: FileCaller): Promise<MethodReply<'upload_begin'>> {
    return this.uploads.begin(await this.boundsOf(request, call), request, call.userId);
  }

  finishUpload({ uploadId }: MethodRequest<'upload_finish'>, { userId }: FileCaller): Promise<FileFacts> {
    return this.changing(() => this.uploads.finish(uploadId, userId));
  }

  /** The next listing shows what was changed. */
  private async changing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.git.forget();
    }
  }

  /** The owner has the roots. A guest has the folder of the session, and no other session. */
  private async boundsOf({ sessionId }: { sessionId?: string }, { within }: FileCaller): Promise<Bounds> {
    if (within !== undefined && sessionId !== within)
      throw new CodedError('forbidden', 'This link gives access to its session only');
    if (sessionId === undefined) return this.ofOwner;
    const session = this.deps.hosts.get(sessionId);
    if (session === undefined) throw new CodedError('session_not_found', `There is no session ${sessionId} here`);
    // The work tree of a session may lie outside of the roots.
    const checked = await checkCwd(session.facts.cwd, [...this.deps.roots, ...(this.deps.open ?? [])]);
    if (checked.kind === 'refused')
      throw Object.assign(new CodedError(checked.error.code), { message: checked.error.message });
    const base = fromText(checked.path);
    const { roots } = this.ofOwner;
    const ofOwner = roots.some((root) => isWithin(base, root)) ? roots : [...roots, base];
    return new Bounds({ roots: within === undefined ? ofOwner : [base], base, ...this.rules });
  }
}

/** Searches and watches of a guest and of the owner stay apart. */
const ownerOf = ({ userId, within = '' }: FileCaller): string => `${userId}\0${within}`;

/** The real path, as far as it exists. */
async function realOrGiven(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realOrGiven(parent), basename(path));
  }
}
