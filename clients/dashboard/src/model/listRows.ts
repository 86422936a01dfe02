import type { FolderGroup, RunnerGroup } from './grouping.js';
import { sizeOf, type SessionNode } from './tree.js';

/** Where a row stands: how deep, and which one it is of those beside it. */
interface Placed {
  key: string;
  level: number;
  position: number;
  siblings: number;
}

export interface RunnerListRow extends Placed {
  kind: 'runner';
  group: RunnerGroup;
  isOpen: boolean;
  size: ReturnType<typeof sizeOf>;
}

export interface FolderRow extends Placed {
  kind: 'folder';
  group: RunnerGroup;
  folder: FolderGroup;
  isOpen: boolean;
  size: ReturnType<typeof sizeOf>;
}

export interface SessionListRow extends Placed {
  kind: 'session';
  node: SessionNode;
  /** How deep it stands beneath the session that started it. */
  depth: number;
  isOpen: boolean;
}

/** A runner that is online and has no session. */
export interface EmptyRow extends Placed {
  kind: 'empty';
}

/** The end of a list of which not everything is here. */
export interface MoreRow extends Placed {
  kind: 'more';
}

/** One line of the list of sessions: what a group is, a session, or the end. */
export type ListRow = RunnerListRow | FolderRow | SessionListRow | EmptyRow | MoreRow;

export interface Folding {
  isGroupOpen: (key: string) => boolean;
  isBranchOpen: (node: SessionNode) => boolean;
}

export const runnerKey = (runnerId: string): string => `runner.${runnerId}`;
export const folderKey = (runnerId: string, cwd: string): string => `folder.${runnerId}.${cwd}`;
export const sessionKey = (sid: string): string => `session.${sid}`;

/** The groups as lines, in the order of the screen, without what is folded. */
export function listRows(groups: readonly RunnerGroup[], folding: Folding, hasMore = false): ListRow[] {
  const rows: ListRow[] = [];
  const siblings = groups.length + (hasMore ? 1 : 0);
  groups.forEach((group, i) => {
    const key = runnerKey(group.runnerId);
    const isOpen = folding.isGroupOpen(key);
    const size = sizeOf(group.folders.flatMap(({ sessions }) => sessions));
    rows.push({ kind: 'runner', key, group, isOpen, size, level: 1, position: i + 1, siblings });
    if (isOpen) addFolders(rows, group, folding);
  });
  if (hasMore) rows.push({ kind: 'more', key: 'more', level: 1, position: siblings, siblings });
  return rows;
}

function addFolders(rows: ListRow[], group: RunnerGroup, folding: Folding): void {
  const { runnerId, folders } = group;
  if (folders.length === 0 && group.online)
    rows.push({ kind: 'empty', key: `empty.${runnerId}`, level: 2, position: 1, siblings: 1 });
  folders.forEach((folder, i) => {
    const key = folderKey(runnerId, folder.cwd);
    const isOpen = folding.isGroupOpen(key);
    const size = sizeOf(folder.sessions);
    const place = { level: 2, position: i + 1, siblings: folders.length };
    rows.push({ kind: 'folder', key, group, folder, isOpen, size, ...place });
    if (isOpen) addSessions(rows, folder.sessions, 0, folding);
  });
}

function addSessions(rows: ListRow[], nodes: readonly SessionNode[], depth: number, folding: Folding): void {
  nodes.forEach((node, i) => {
    const isOpen = node.children.length > 0 && folding.isBranchOpen(node);
    const place = { level: 3 + depth, position: i + 1, siblings: nodes.length };
    rows.push({ kind: 'session', key: sessionKey(node.session.sessionId), node, depth, isOpen, ...place });
    if (isOpen) addSessions(rows, node.children, depth + 1, folding);
  });
}

/** The position of each row by its key. */
export const positions = (rows: readonly ListRow[]): Map<string, number> => new Map(rows.map(({ key }, i) => [key, i]));

/** The position of the row that a row belongs to: the nearest one before it that is less deep. */
export function parentAt(rows: readonly ListRow[], at: number): number | undefined {
  const level = rows[at]?.level ?? 0;
  const parent = rows.slice(0, at).findLastIndex((row) => row.level < level);
  return parent < 0 ? undefined : parent;
}

/**
 * The row in sight that stays where it is when the list changes: most rows in sight move by as many lines as it does. A row
 * that moved elsewhere alone takes no other row along. Undefined when nothing in sight is left.
 */
export function steadyRow(
  inSight: readonly string[],
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): string | undefined {
  const moves = inSight.flatMap((key) => {
    const [from, to] = [before.get(key), after.get(key)];
    return from === undefined || to === undefined ? [] : [{ key, by: to - from }];
  });
  const counts = new Map<number, number>();
  for (const { by } of moves) counts.set(by, (counts.get(by) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  return moves.find(({ by }) => counts.get(by) === most)?.key;
}
