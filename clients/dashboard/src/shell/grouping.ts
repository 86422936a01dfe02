import type { RunnerInfo, SessionInfo } from '@pizzapi/protocol';

/** What a list shows of a session: its own state, unless its host is out of reach. */
export type LiveState = 'working' | 'waiting' | 'idle' | 'lost' | 'ended';

export const STATE_LABELS: Readonly<Record<LiveState, string>> = {
  working: 'Working',
  waiting: 'Waiting for you',
  idle: 'Idle',
  lost: 'Host lost',
  ended: 'Ended',
};

export function liveState(session: Pick<SessionInfo, 'state' | 'host'>): LiveState {
  return session.state !== 'ended' && session.host === 'lost' ? 'lost' : session.state;
}

/** What to call a session: its name, else how it began. */
export function titleOf(session: Pick<SessionInfo, 'name' | 'firstPrompt'> | undefined): string {
  return session?.name || session?.firstPrompt || 'New session';
}

export type SessionFilter = 'all' | 'active' | 'waiting';

export interface FolderGroup {
  cwd: string;
  sessions: SessionInfo[];
}

export interface RunnerGroup {
  runnerId: string;
  name: string;
  online: boolean;
  folders: FolderGroup[];
}

/**
 * The sessions under their runners and folders. Folders come by their latest activity, sessions likewise, but those
 * that wait for the person first: the list answers "where am I needed?" from the top. A runner without sessions is
 * listed when nothing is searched for, so that a new one can be started on it.
 */
export function groupSessions(
  sessions: readonly SessionInfo[],
  runners: readonly RunnerInfo[],
  filter: SessionFilter = 'all',
  search = '',
): RunnerGroup[] {
  const shown = sessions.filter((session) => passes(session, filter) && matches(session, search));
  const ids = new Set(shown.map(({ runnerId }) => runnerId));
  if (filter === 'all' && search.trim() === '') runners.forEach(({ runnerId }) => ids.add(runnerId));
  const known = new Map(runners.map((runner) => [runner.runnerId, runner]));
  const groups = [...ids].map((runnerId): RunnerGroup => {
    const runner = known.get(runnerId);
    const own = shown.filter((session) => session.runnerId === runnerId);
    return { runnerId, name: runner?.name ?? runnerId, online: runner?.online ?? false, folders: foldersOf(own) };
  });
  return groups.sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
}

function foldersOf(sessions: readonly SessionInfo[]): FolderGroup[] {
  const byFolder = new Map<string, SessionInfo[]>();
  for (const session of sessions) byFolder.set(session.cwd, [...(byFolder.get(session.cwd) ?? []), session]);
  const folders = [...byFolder].map(([cwd, own]) => ({ cwd, sessions: own.sort(byUrgency) }));
  const latest = ({ sessions: own }: FolderGroup) => Math.max(...own.map(({ lastActivityAt }) => lastActivityAt));
  return folders.sort((a, b) => latest(b) - latest(a));
}

const RANK: Readonly<Record<LiveState, number>> = { waiting: 0, working: 1, lost: 2, idle: 2, ended: 3 };

function byUrgency(a: SessionInfo, b: SessionInfo): number {
  return RANK[liveState(a)] - RANK[liveState(b)] || b.lastActivityAt - a.lastActivityAt;
}

function passes(session: SessionInfo, filter: SessionFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'active' ? session.state !== 'ended' : liveState(session) === 'waiting';
}

/** Every word of the search must be somewhere in the session's name, prompt, folder or model. */
export function matches(session: SessionInfo, search: string): boolean {
  const text = [session.name, session.firstPrompt ?? '', session.cwd, session.model, session.sessionId]
    .join(' ')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
