import { isAbsolute, relative } from 'node:path';
import {
  CodedError,
  GIT_PAGE,
  MAX_SESSION_TURNS,
  type GitFileChange,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import { contentOf, DIFF_OPTIONS } from './gitReads.js';
import { pageOf, patchPage, streamedPatch } from './pages.js';
import { changeOf, type DiffEntry } from './porcelain.js';
import { compareTrees, type KeptStates, type SessionStateRecorder } from './sessionStates.js';
import { readToolChanges, type ToolChange } from './toolChanges.js';

/** What is known of a session here: its folder and pi's file. */
export interface ChangedSession {
  cwd: string;
  file?: string | undefined;
}

/** Two states of a session to compare. */
export interface StateSpan {
  was: string;
  now: string;
}

/** Answers what a session changed: from the recorded states, or from what its tools say. */
export class SessionChanges {
  constructor(
    private readonly states: SessionStateRecorder,
    private readonly find: (sid: string) => Promise<ChangedSession | undefined>,
  ) {}

  /** `isGuest`: only files of the folder of the session. */
  async changes(
    { sessionId, turn, offset = 0 }: MethodRequest<'session_changes'>,
    isGuest: boolean,
  ): Promise<MethodReply<'session_changes'>> {
    const kept = await this.states.find(sessionId);
    if (kept === undefined) return this.changesOfTools(sessionId, turn, offset, isGuest);
    const span = await this.spanOf(sessionId, kept, turn);
    const entries = await compareTrees(kept.store, span.was, span.now, pathsOf(kept, isGuest));
    const { at, head, branch } = kept.began;
    return {
      source: 'git',
      top: kept.top,
      began: { at, head, branch },
      turns: kept.turns.slice(-MAX_SESSION_TURNS).map(({ turn: number, at: ended, files, added, removed }) => ({
        turn: number,
        at: ended,
        files,
        added,
        removed,
      })),
      ...filesReply(entries.map(changeOf), offset),
    };
  }

  async diff(
    { sessionId, turn, path, context = 3, offset = 0, version }: MethodRequest<'session_diff'>,
    isGuest: boolean,
  ): Promise<MethodReply<'session_diff'>> {
    const kept = await this.states.find(sessionId);
    if (kept === undefined) return this.diffOfTools(sessionId, turn, path, offset, version, isGuest);
    requirePath(kept, path, isGuest);
    const span = await this.spanOf(sessionId, kept, turn);
    const entry = await entryOf(kept, span, path);
    const args = patchArgs(span, path, context);
    const page = await streamedPatch((call) => kept.store.run(call), { args }, offset, version);
    return {
      ...page,
      ...(entry === undefined ? {} : { was: contentOf(entry.was), now: contentOf(entry.now) }),
      ...(entry?.binary === true ? { binary: true as const } : {}),
    };
  }

  /** The states at the start and at the end of a turn, or of the whole session until now. */
  async spanOf(sid: string, kept: KeptStates, turn: number | undefined): Promise<StateSpan> {
    if (turn === undefined)
      return { was: kept.began.tree, now: await this.states.exclusively(sid, () => this.states.takeTree(kept)) };
    const index = kept.turns.findIndex((known) => known.turn === turn);
    const found = kept.turns[index];
    if (found === undefined) throw new CodedError('git_changed', `The session has no turn ${turn}`);
    return { was: kept.turns[index - 1]?.tree ?? kept.began.tree, now: found.tree };
  }

  private async ofTools(
    sid: string,
    isGuest: boolean,
  ): Promise<Awaited<ReturnType<typeof readToolChanges>> & { isKnown: boolean }> {
    const session = await this.find(sid);
    if (session === undefined) throw new CodedError('session_not_found', `There is no session ${sid} here`);
    if (session.file === undefined) return { changes: [], turns: [], isKnown: false };
    const read = await readToolChanges(session.file, session.cwd);
    // What is outside of the folder has an absolute path.
    return { ...read, changes: read.changes.filter(({ path }) => !isGuest || !isAbsolute(path)), isKnown: true };
  }

  private async changesOfTools(
    sid: string,
    turn: number | undefined,
    offset: number,
    isGuest: boolean,
  ): Promise<MethodReply<'session_changes'>> {
    const { changes, turns, isKnown } = await this.ofTools(sid, isGuest);
    const why = (await this.states.read(sid))?.why ?? 'The session began before its changes were recorded';
    return {
      source: isKnown ? 'tools' : 'none',
      why,
      turns: turns.slice(-MAX_SESSION_TURNS).map(({ turn: number, at }) => {
        const { files, added, removed } = totalOf(joined(changes.filter((change) => change.turn === number)));
        return { turn: number, at, files, added, removed };
      }),
      ...filesReply(joined(changes.filter((change) => turn === undefined || change.turn === turn)), offset),
    };
  }

  private async diffOfTools(
    sid: string,
    turn: number | undefined,
    path: string,
    offset: number,
    version: string | undefined,
    isGuest: boolean,
  ): Promise<MethodReply<'session_diff'>> {
    const { changes } = await this.ofTools(sid, isGuest);
    const of = changes.filter((change) => change.path === path && (turn === undefined || change.turn === turn));
    return patchPage(Buffer.from(of.map(({ patch }) => patch).join('')), offset, version);
  }
}

/** One entry for each file that tools changed. */
function joined(changes: readonly ToolChange[]): GitFileChange[] {
  const byPath = new Map<string, GitFileChange & { added: number; removed: number }>();
  for (const { path, state, added, removed } of changes) {
    const known = byPath.get(path);
    if (known === undefined) byPath.set(path, { path, state, added, removed });
    else Object.assign(known, { added: known.added + added, removed: known.removed + removed });
  }
  return [...byPath.values()];
}

function totalOf(files: readonly GitFileChange[]): { files: number; added: number; removed: number } {
  const sum = (field: 'added' | 'removed') => files.reduce((total, file) => total + (file[field] ?? 0), 0);
  return { files: files.length, added: sum('added'), removed: sum('removed') };
}

function filesReply(
  files: readonly GitFileChange[],
  offset: number,
): Pick<MethodReply<'session_changes'>, 'files' | 'next' | 'total'> {
  const { items, next } = pageOf(files, offset, GIT_PAGE);
  return { files: items, total: totalOf(files), ...(next === undefined ? {} : { next }) };
}

/** For a guest: the folder of the session within the repository. */
function pathsOf({ top, cwd }: KeptStates, isGuest: boolean): string[] {
  const folder = relative(top, cwd);
  return isGuest && folder !== '' ? [folder] : [];
}

function requirePath(kept: KeptStates, path: string, isGuest: boolean): void {
  const [folder] = pathsOf(kept, isGuest);
  if (folder !== undefined && !path.startsWith(`${folder}/`))
    throw new CodedError('forbidden', `"${path}" is outside of the folder of the session`);
}

/** The file in the difference of two states, or undefined when it is the same in both. */
export async function entryOf(
  { store }: KeptStates,
  { was, now }: StateSpan,
  path: string,
): Promise<DiffEntry | undefined> {
  return (await compareTrees(store, was, now, [path])).find((entry) => entry.path === path);
}

export const patchArgs = ({ was, now }: StateSpan, path: string, context: number): string[] => [
  ...['diff-tree', '-r', '--patch', '--no-renames', ...DIFF_OPTIONS, `--unified=${context}`, was, now, '--', path],
];
