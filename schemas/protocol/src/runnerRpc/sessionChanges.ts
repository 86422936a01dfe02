import Type from 'typebox';
import {
  CHANGE_SOURCES,
  GitBranchName,
  GitContentId,
  GitFileChange,
  GitPatchPage,
  GitPath,
  SessionTurn,
  SessionWorktree,
  HunkHeader,
} from './gitShapes.js';
import { MAX_CALL_MS, method, PAGE_MESSAGE_BYTES, reply, request, SessionRef } from './method.js';

/**
 * What a session changed, in its turns and in total, and the work trees of sessions. The runner keeps the state of the
 * work tree at the start of a session and at the end of each turn, outside of the repository.
 */
const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Turn = Type.Optional(Type.Integer({ minimum: 1 }));
const Context = Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000 }));

/** Turns in one reply: the last ones. */
export const MAX_SESSION_TURNS = 500;

const read = { right: 'files:read', timeoutMs: MAX_CALL_MS, maxReplyBytes: PAGE_MESSAGE_BYTES } as const;
const write = { right: 'files:write', timeoutMs: MAX_CALL_MS } as const;
const WorktreeId = Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$' });

export const CHANGES_METHODS = {
  session_changes: method({
    summary: 'The files that a session changed, in one turn or in total, and its turns',
    request: request({
      sessionId: SessionRef,
      /** Missing: from the start of the session until now. */
      turn: Turn,
      /** How many files to skip. */
      offset: Type.Optional(Count),
    }),
    reply: reply({
      source: Type.Enum([...CHANGE_SOURCES]),
      /** Without `git`: why. */
      why: Type.Optional(Text),
      /** With `git`: the top of the work tree, and where the session began. */
      top: Type.Optional(Text),
      began: Type.Optional(
        Type.Object({
          at: Type.Number(),
          head: Type.Union([Text, Type.Null()]),
          branch: Type.Union([Text, Type.Null()]),
        }),
      ),
      turns: Type.Array(SessionTurn),
      files: Type.Array(GitFileChange),
      next: Type.Optional(Count),
      /** Of all files. */
      total: Type.Object({ files: Count, added: Count, removed: Count }),
      worktree: Type.Optional(SessionWorktree),
    }),
    guests: 'files:read',
    ...read,
  }),
  session_diff: method({
    summary: 'How a session changed one file',
    request: request({
      sessionId: SessionRef,
      turn: Turn,
      path: GitPath,
      context: Context,
      offset: Type.Optional(Count),
      version: Type.Optional(Text),
    }),
    reply: GitPatchPage,
    guests: 'files:read',
    ...read,
  }),
  session_undo: method({
    summary: 'Gives a file, or a part of it, the content from before the session or the turn',
    request: request({
      sessionId: SessionRef,
      turn: Turn,
      path: GitPath,
      /** The contents that `session_diff` answered. When the file has another one, nothing is done (`git_changed`). */
      was: GitContentId,
      now: GitContentId,
      /** The header of a hunk up to the second `@@`, of the diff with `context`. Missing: the whole file. */
      hunk: Type.Optional(HunkHeader),
      context: Context,
    }),
    /** The content that the file has now. */
    reply: reply({ now: GitContentId }),
    ...write,
    changes: {
      kind: 'audited',
      did: 'undid changes of a session',
      what: ({ path, sessionId }) => ({ path, sessionId }),
    },
  }),
  list_worktrees: method({
    summary: 'The work trees that were made for sessions',
    request: request({ sessionId: Type.Optional(SessionRef) }),
    reply: reply({ worktrees: Type.Array(SessionWorktree) }),
    ...read,
  }),
  keep_worktree: method({
    summary: 'Keeps the work tree of a session',
    request: request({ worktreeId: WorktreeId }),
    reply: reply({}),
    ...write,
    changes: { kind: 'audited', did: 'kept a work tree', what: ({ worktreeId }) => ({ target: worktreeId }) },
  }),
  merge_worktree: method({
    summary: 'Merges the branch of a work tree into the branch that it began at',
    request: request({
      worktreeId: WorktreeId,
      into: Type.Optional(GitBranchName),
      /** Commits what is not committed, with this message, before. Without it such work is refused (`worktree_unsaved`). */
      commit: Type.Optional(Type.String({ minLength: 1, maxLength: 64 * 1024, pattern: '^[^\\u0000]*$' })),
      /** Removes the work tree and its branch after the merge. */
      remove: Type.Optional(Type.Boolean()),
    }),
    reply: reply({
      into: Text,
      oid: Text,
      how: Type.Enum(['merged', 'fast_forward', 'nothing']),
      removed: Type.Boolean(),
    }),
    ...write,
    changes: {
      kind: 'audited',
      did: 'merged a work tree',
      what: ({ worktreeId, into }) => ({ target: worktreeId, ...(into === undefined ? {} : { to: into }) }),
    },
  }),
  remove_worktree: method({
    summary: 'Removes the work tree of a session and its branch',
    request: request({
      worktreeId: WorktreeId,
      /** The `version` of the state whose work is discarded. Without it such work is refused (`worktree_unsaved`). */
      discard: Type.Optional(Text),
    }),
    reply: reply({}),
    ...write,
    changes: { kind: 'audited', did: 'removed a work tree', what: ({ worktreeId }) => ({ target: worktreeId }) },
  }),
};
