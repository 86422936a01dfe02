import type { SessionInfo } from '@pizzapi/protocol';
import { liveState, type LiveState } from './liveState.js';

/** A session with those that it started, as far as they are in the same list. */
export interface SessionNode {
  session: SessionInfo;
  children: SessionNode[];
  /** Of all that is beneath it. */
  below: { all: number; working: number; waiting: number };
  /** The most urgent state in the tree: a lower number is more urgent. */
  rank: number;
  /** The latest activity in the tree, ms since epoch. */
  latest: number;
}

/** What a person should see first comes first. */
const RANK: Readonly<Record<LiveState, number>> = {
  ...{ waiting: 0, interrupted: 0, working: 1, lost: 2, idle: 2, ended: 3 },
};

/**
 * The sessions as trees. A child stands beneath its parent when both are in the list, wherever it runs; otherwise it
 * stands alone. Trees come by what is most urgent in them, then by the latest activity. Every session is in the result
 * once, also when links lead in a circle.
 */
export function treeOf(sessions: readonly SessionInfo[]): SessionNode[] {
  const byId = new Map(sessions.map((session) => [session.sessionId, session]));
  const children = new Map<string, SessionInfo[]>();
  const roots: SessionInfo[] = [];
  for (const session of sessions) {
    const parent = session.parentSessionId;
    if (parent === undefined || !byId.has(parent) || isInCircle(session, byId)) roots.push(session);
    else listIn(children, parent).push(session);
  }
  const node = (session: SessionInfo): SessionNode => {
    const own = (children.get(session.sessionId) ?? []).map(node).sort(byUrgency);
    const rank = own.reduce((least, child) => Math.min(least, child.rank), RANK[liveState(session)]);
    const latest = own.reduce((most, child) => Math.max(most, child.latest), session.lastActivityAt);
    return { session, children: own, below: countBelow(own), rank, latest };
  };
  return roots.map(node).sort(byUrgency);
}

/** How many sessions are in some trees, and how many of them wait for a person. */
export function sizeOf(nodes: readonly SessionNode[]): { all: number; waiting: number } {
  const { all, waiting } = countBelow(nodes);
  return { all, waiting };
}

/** Each session with its depth, in the order in which a list shows them. */
export function flattened(nodes: readonly SessionNode[], depth = 0): { session: SessionInfo; depth: number }[] {
  return nodes.flatMap(({ session, children }) => [{ session, depth }, ...flattened(children, depth + 1)]);
}

/** Whether a session is somewhere beneath a node. */
export function holds({ children }: SessionNode, sid: string | undefined): boolean {
  return sid !== undefined && children.some((child) => child.session.sessionId === sid || holds(child, sid));
}

/** Returns the list of a key, which is made when there is none. */
export function listIn<T>(lists: Map<string, T[]>, key: string): T[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: T[] = [];
  lists.set(key, made);
  return made;
}

function isInCircle(session: SessionInfo, byId: ReadonlyMap<string, SessionInfo>): boolean {
  const seen = new Set<string>();
  let at: SessionInfo | undefined = session;
  while (at?.parentSessionId !== undefined && !seen.has(at.sessionId)) {
    seen.add(at.sessionId);
    at = byId.get(at.parentSessionId);
  }
  return at === session && seen.size > 0;
}

function countBelow(children: readonly SessionNode[]): SessionNode['below'] {
  const below = { all: 0, working: 0, waiting: 0 };
  for (const child of children) {
    const state = liveState(child.session);
    below.all += 1 + child.below.all;
    below.working += (state === 'working' ? 1 : 0) + child.below.working;
    below.waiting += (state === 'waiting' ? 1 : 0) + child.below.waiting;
  }
  return below;
}

function byUrgency(a: SessionNode, b: SessionNode): number {
  return a.rank - b.rank || b.latest - a.latest;
}
