import type { FileEntry, FilePath } from '@pizzapi/protocol';
import { childPath, pathKey } from './filePath.js';

/** What is known of a folder of the tree. */
export interface LoadedFolder {
  entries: readonly FileEntry[];
  /** There are more entries than are loaded. */
  hasMore: boolean;
  total: number;
}

/** One row of the tree. */
export type FileRow =
  | { kind: 'entry'; key: string; path: FilePath; entry: FileEntry; depth: number; open: boolean; isFolder: boolean }
  | { kind: 'more'; key: string; folder: FilePath; depth: number; rest: number }
  | { kind: 'wait'; key: string; depth: number };

/** Whether an entry can be opened like a folder. */
export const isFolder = ({ kind, leadsTo }: FileEntry): boolean => kind === 'folder' || leadsTo === 'folder';

/** The rows of a tree in their order: the entries of open folders follow their folder. Pure. */
export function fileRows(
  top: FilePath,
  folders: { get(key: string): LoadedFolder | undefined },
  isOpen: (key: string) => boolean,
): FileRow[] {
  const rows: FileRow[] = [];
  const add = (folder: FilePath, depth: number): void => {
    const loaded = folders.get(pathKey(folder));
    if (loaded === undefined) {
      rows.push({ kind: 'wait', key: `wait ${pathKey(folder)}`, depth });
      return;
    }
    for (const entry of loaded.entries) {
      const path = childPath(folder, entry);
      const key = pathKey(path);
      const open = isFolder(entry) && isOpen(key);
      rows.push({ kind: 'entry', key, path, entry, depth, open, isFolder: isFolder(entry) });
      // A link can lead to a folder above.
      if (open && depth < 100) add(path, depth + 1);
    }
    if (loaded.hasMore)
      rows.push({
        kind: 'more',
        key: `more ${pathKey(folder)}`,
        folder,
        depth,
        rest: loaded.total - loaded.entries.length,
      });
  };
  add(top, 0);
  return rows;
}
