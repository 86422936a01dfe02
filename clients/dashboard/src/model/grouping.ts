import { isImported, runnerLabels, searchedText, type RunnerInfo, type SessionInfo } from '@pizzapi/protocol';
import { liveState } from './liveState.js';
import { listIn, treeOf, type SessionNode } from './tree.js';

export { liveState, STATE_LABELS, type LiveState } from './liveState.js';

export type SessionFilter = 'all' | 'active' | 'waiting';

export interface FolderGroup {
  cwd: string;
  sessions: SessionNode[];
}

/** The id of the group of sessions that other accounts share with this one. */
const SHARED_GROUP = 'shared';

export interface RunnerGroup {
  runnerId: string;
  name: string;
  /**
   * A `tui` is a terminal, with one session. An `import` is no runner: its sessions come from files. A `forgotten` runner is
   * not registered any more; only its sessions are left. `shared`: the sessions of other accounts.
   */
  kind: RunnerInfo['kind'] | 'import' | 'forgotten' | 'shared';
  online: boolean;
  folders: FolderGroup[];
}

/**
 * The sessions under their runners and folders, with those that they started beneath them. Folders come by their latest
 * activity; within one, what waits for the person comes first: the list answers "where am I needed?" from the top. A
 * runner without sessions is listed when nothing is searched for, so that a new one can be started on it.
 */
export function groupSessions(
  sessions: readonly SessionInfo[],
  runners: readonly RunnerInfo[],
  filter: SessionFilter = 'all',
  search = '',
): RunnerGroup[] {
  const found = sessions.filter((session) => passes(session, filter) && matches(session, search));
  const shown = treeOf(found.filter(({ shared }) => shared === undefined));
  const byRunner = new Map<string, SessionNode[]>();
  for (const node of shown) listIn(byRunner, node.session.runnerId).push(node);
  const ids = new Set(byRunner.keys());
  const daemons = runners.filter(({ kind }) => kind === 'daemon');
  if (filter === 'all' && search.trim() === '') daemons.forEach(({ runnerId }) => ids.add(runnerId));
  const known = new Map(runners.map((runner) => [runner.runnerId, runner]));
  const labels = runnerLabels(runners);
  const groups = [...ids].map((runnerId): RunnerGroup => {
    const runner = known.get(runnerId);
    const folders = foldersOf(byRunner.get(runnerId) ?? []);
    if (isImported({ runnerId })) return { runnerId, name: 'Imported', kind: 'import', online: false, folders };
    const { kind = 'forgotten', online = false } = runner ?? {};
    return { runnerId, name: labels.get(runnerId) ?? runnerId, kind, online, folders };
  });
  groups.sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
  return [...groups, ...sharedGroup(found.filter(({ shared }) => shared !== undefined))];
}

/** The sessions of other accounts, by the names of those. */
function sharedGroup(sessions: readonly SessionInfo[]): RunnerGroup[] {
  if (sessions.length === 0) return [];
  const folders = foldersOf(treeOf(sessions), ({ shared, cwd }) => shared?.by ?? cwd);
  return [{ runnerId: SHARED_GROUP, name: 'Shared with me', kind: 'shared', online: false, folders }];
}

/** By their order in the list, which is by urgency, under folders by their latest activity. */
function foldersOf(
  nodes: readonly SessionNode[],
  folderOf: (session: SessionInfo) => string = ({ cwd }) => cwd,
): FolderGroup[] {
  const byFolder = new Map<string, SessionNode[]>();
  for (const node of nodes) listIn(byFolder, folderOf(node.session)).push(node);
  const folders = [...byFolder].map(([cwd, own]) => ({
    folder: { cwd, sessions: own },
    latest: own.reduce((most, node) => Math.max(most, node.latest), 0),
  }));
  return folders.sort((a, b) => b.latest - a.latest).map(({ folder }) => folder);
}

/** Where a session runs, in words: a machine, or a terminal on one. `label` is what the lists call the runner. */
export function placeOf(
  runner: Pick<RunnerInfo, 'name' | 'kind'> | undefined,
  runnerId: string,
  label = runner?.name ?? runnerId,
): string {
  if (isImported({ runnerId })) return 'imported from a file';
  return runner?.kind === 'tui' ? `in a terminal on ${label}` : label;
}

function passes(session: SessionInfo, filter: SessionFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'active' ? session.state !== 'ended' : liveState(session) === 'waiting';
}

/** Every word of the search must be somewhere in the session's name, prompt, folder or model. */
export function matches(session: SessionInfo, search: string): boolean {
  const text = searchedText(session);
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
