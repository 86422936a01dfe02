import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import {
  CodedError,
  MAX_ENTRIES,
  newId,
  type FileEntry,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import type { Bounds } from './bounds.js';
import { fromBuffer, joinPath, named, readPath, toText, type BytePath } from './bytePath.js';
import { openWithin, withPath, type OpenPath } from './confinement.js';
import { kindOf } from './fileFacts.js';
import type { GitStateReader, GitStates } from './gitStates.js';
import { isOwnTemporary } from './temporaryNames.js';

/** How long the order of a folder is kept for the next page, in ms. */
const KEPT_MS = 60_000;
const MAX_KEPT = 16;
/** Bytes of the entries of one reply, about. */
const PAGE_BYTES = 400 * 1024;
/** What an entry has beside its name, in bytes, about. */
const ENTRY_BYTES = 100;
/** Entries that are looked at together. */
const AT_ONCE = 512;

interface Listed {
  name: BytePath;
  kind: FileEntry['kind'];
  facts?: { size: number; modified: number };
}

interface Snapshot {
  key: string;
  entries: Listed[];
  states: GitStates | undefined;
  until: number;
}

/** Lists folders page by page. The pages of one listing have one order. */
export class FolderLister {
  private readonly kept = new Map<string, Snapshot>();

  constructor(private readonly git: GitStateReader) {}

  async list(
    bounds: Bounds,
    request: MethodRequest<'list_files'>,
    signal: AbortSignal,
  ): Promise<Omit<MethodReply<'list_files'>, 'trash'>> {
    const path = request.path === undefined ? bounds.base : readPath(request.path);
    return withPath(bounds, path, 'folder', async (folder) => {
      const cursor = /^(list_[a-z2-7]{20})\.(\d{1,9})$/.exec(request.after ?? '');
      if (request.after !== undefined && cursor === null) throw new CodedError('invalid_offset');
      const from = Number(cursor?.[2] ?? 0);
      const { id, snapshot } = await this.snapshot(folder, request, cursor?.[1]);
      const page = await this.page(bounds, folder, snapshot, from, request.limit ?? MAX_ENTRIES, signal);
      const next = from + page.length;
      return {
        ...named(folder.real),
        entries: page,
        total: snapshot.entries.length,
        ...(next < snapshot.entries.length ? { next: `${id}.${next}` } : {}),
        roots: bounds.roots.map(toText),
      };
    });
  }

  /** The order of a folder: the one that the cursor names, or a new one. */
  private async snapshot(
    folder: OpenPath,
    request: MethodRequest<'list_files'>,
    asked: string | undefined,
  ): Promise<{ id: string; snapshot: Snapshot }> {
    const { hidden = true, ignored = true, git = true, order = 'name', descending = false } = request;
    const key = [folder.real, hidden, ignored, git, order, descending].join('\0');
    const now = performance.now();
    for (const [id, { until }] of this.kept) if (until < now) this.kept.delete(id);
    const found = asked === undefined ? undefined : this.kept.get(asked);
    // A cursor is of one folder and one order: of another it says nothing.
    if (asked !== undefined && found?.key === key) return { id: asked, snapshot: found };
    const [all, states] = await Promise.all([
      readdir(folder.self, { withFileTypes: true, encoding: 'buffer' }),
      git || !ignored ? this.git.read(folder) : undefined,
    ]);
    const entries = all
      .map(listed)
      .filter(({ name }) => (hidden || !name.startsWith('.')) && !isOwnTemporary(name))
      .filter(({ name }) => ignored || (name !== '.git' && states?.of(name) !== 'ignored'));
    if (order === 'size' || order === 'modified') await inGroups(entries, (entry) => look(folder, entry));
    sort(entries, order, descending);
    const id = newId('list');
    const snapshot: Snapshot = { key, entries, states: git ? states : undefined, until: now + KEPT_MS };
    this.kept.set(id, snapshot);
    const [oldest] = this.kept.keys();
    if (this.kept.size > MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return { id, snapshot };
  }

  private async page(
    bounds: Bounds,
    folder: OpenPath,
    { entries, states }: Snapshot,
    from: number,
    limit: number,
    signal: AbortSignal,
  ): Promise<FileEntry[]> {
    let bytes = 0;
    let end = from;
    while (end < entries.length && end - from < limit && bytes < PAGE_BYTES)
      bytes += ENTRY_BYTES + 2 * (entries[end++]?.name.length ?? 0);
    const page = entries.slice(from, end);
    await inGroups(page, async (entry) => {
      if (signal.aborted) throw new CodedError('rpc_cancelled');
      await look(folder, entry);
    });
    // A link is rare; for the others nothing has to be asked.
    const targets = new Map<Listed, 'file' | 'folder' | undefined>();
    const links = page.filter(({ kind }) => kind === 'link');
    await inGroups(links, async (entry) => {
      targets.set(entry, await targetKind(bounds, joinPath(folder.real, entry.name)));
    });
    return page.map((entry) => shown(entry, targets.get(entry), states));
  }
}

function listed(entry: Dirent<Buffer>): Listed {
  return { name: fromBuffer(entry.name), kind: kindOf(entry) };
}

/** Looks at an entry. One that is gone meanwhile keeps its name, without a size. */
async function look(folder: OpenPath, entry: Listed): Promise<void> {
  if (entry.facts !== undefined) return;
  const stats = await lstat(folder.at(entry.name)).catch(() => undefined);
  entry.facts = { size: stats?.size ?? 0, modified: stats?.mtimeMs ?? 0 };
  if (stats !== undefined) entry.kind = kindOf(stats);
}

function shown(
  { name, kind, facts }: Listed,
  leadsTo: 'file' | 'folder' | undefined,
  states: GitStates | undefined,
): FileEntry {
  const git = states?.of(name);
  const { path, bytes } = named(name);
  return {
    name: path,
    ...(bytes === undefined ? {} : { bytes }),
    ...{ kind, size: facts?.size ?? 0, modified: facts?.modified ?? 0 },
    ...(leadsTo === undefined ? {} : { leadsTo }),
    ...(git === undefined ? {} : { git }),
  };
}

/** What a link leads to, when that lies within bounds. */
async function targetKind(bounds: Bounds, path: BytePath): Promise<'file' | 'folder' | undefined> {
  try {
    const opened = await openWithin(bounds, path, 'any');
    await opened.close();
    return opened.stats.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

async function inGroups<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_ONCE) await Promise.all(all.slice(at, at + AT_ONCE).map(work));
}

/** Folders first; names as people order them: without case, numbers by their value. */
function sort(entries: Listed[], order: MethodRequest<'list_files'>['order'], descending: boolean): void {
  const keyed = entries.map((entry) => ({ entry, key: nameKey(entry.name), first: entry.kind === 'folder' ? 0 : 1 }));
  const sign = descending ? -1 : 1;
  const value = ({ entry, key }: (typeof keyed)[number]): number | string => {
    if (order === 'size') return entry.facts?.size ?? 0;
    if (order === 'modified') return entry.facts?.modified ?? 0;
    return order === 'kind' ? kindKey(key) : key;
  };
  const valued = keyed.map((one) => ({ ...one, value: value(one) }));
  valued.sort((a, b) => {
    if (a.first !== b.first) return a.first - b.first;
    if (a.value !== b.value) return a.value < b.value ? -sign : sign;
    if (a.key !== b.key) return a.key < b.key ? -1 : 1;
    return a.entry.name < b.entry.name ? -1 : 1;
  });
  valued.forEach(({ entry }, index) => (entries[index] = entry));
}

const nameKey = (name: BytePath): string =>
  toText(name)
    .toLowerCase()
    .replace(/\d+/g, (digits) => digits.padStart(16, '0'));

const kindKey = (key: string): string => {
  const dot = key.lastIndexOf('.');
  return dot <= 0 ? '' : key.slice(dot);
};
