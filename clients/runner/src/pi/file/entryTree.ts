import type { UnknownMap } from '@pizzapi/protocol';
import type { Damage, FileValue } from './fileLines.js';

export interface EntryTree {
  /** The entries, each once and each with an id. */
  entries: FileValue[];
  /** Damage of the tree, in the order of the file. `entries` is free of it. */
  damage: Damage[];
  /** Lines whose entry was repeated word for word, or whose parent is missing: harmless, and repaired in `entries`. */
  repeated: number[];
  reattached: number[];
}

/**
 * Checks the tree that the entries of a file form by `id` and `parentId`. pi follows the parents up to the root, so that
 * a cycle would never end. An entry whose parent is missing becomes a child of the entry in front of it.
 */
export function checkEntryTree(values: readonly FileValue[]): EntryTree {
  const tree: EntryTree = { entries: [], damage: [], repeated: [], reattached: [] };
  const byId = new Map<string, FileValue>();
  for (const each of values) {
    const { id } = each.value;
    if (typeof id !== 'string' || id === '') {
      tree.damage.push({ line: each.line, what: 'holds an entry without an id' });
      continue;
    }
    const first = byId.get(id);
    if (first === undefined) {
      byId.set(id, each);
      tree.entries.push(each);
    } else if (JSON.stringify(first.value) === JSON.stringify(each.value)) tree.repeated.push(each.line);
    else tree.damage.push({ line: each.line, what: `has the id "${id}" of line ${first.line}` });
  }
  for (const [index, { line, value }] of tree.entries.entries()) {
    const { parentId } = value;
    if (parentId === null || (typeof parentId === 'string' && byId.has(parentId))) continue;
    value['parentId'] = idOf(tree.entries[index - 1]?.value);
    tree.reattached.push(line);
  }
  breakCycles(tree, byId);
  tree.damage.sort((a, b) => a.line - b.line);
  return tree;
}

const idOf = (value: UnknownMap | undefined): string | null => (value === undefined ? null : String(value['id']));

/** Names each cycle by its first line. That entry becomes a child of the last entry in front of it that has a root. */
function breakCycles(tree: EntryTree, byId: ReadonlyMap<string, FileValue>): void {
  const rooted = new Set<string>();
  let lastRooted: UnknownMap | undefined;
  for (const { line, value } of tree.entries) {
    const id = String(value['id']);
    const path = new Set<string>();
    let at: string | undefined = id;
    while (at !== undefined && !rooted.has(at) && !path.has(at)) {
      path.add(at);
      const parent: unknown = byId.get(at)?.value['parentId'];
      at = typeof parent === 'string' ? parent : undefined;
    }
    if (at !== undefined && path.has(at)) {
      // An entry that only leads into a cycle has a root as soon as the cycle is broken.
      if (at !== id) continue;
      const isOwn = value['parentId'] === id;
      const what = isOwn ? 'holds an entry that is its own parent' : 'begins a cycle: its entry is its own ancestor';
      tree.damage.push({ line, what });
      value['parentId'] = idOf(lastRooted);
      rooted.add(id);
    } else for (const each of path) rooted.add(each);
    lastRooted = value;
  }
}
