import Type, { type Static } from 'typebox';

/** What the requests about git and about the changes of a session have in common. */
const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });

/** A revision: a commit, a branch, `HEAD~2`. The runner resolves it to a commit before it does anything with it. */
export const GitRev = Type.String({
  maxLength: 255,
  pattern: '^[^-:^\\u0000-\\u0020\\u007f][^:\\u0000-\\u0020\\u007f]*$',
});
/** The name of a branch, as git takes it. */
export const GitBranchName = Type.String({
  maxLength: 200,
  pattern: '^[^-./:^~?*\\[\\\\\\u0000-\\u0020\\u007f][^:^~?*\\[\\\\\\u0000-\\u0020\\u007f]*$',
});
/** The id of an object of git. */
export const GitOid = Type.String({ pattern: '^[0-9a-f]{40}([0-9a-f]{24})?$' });
/** A path within the repository, from its top, with `/`. It is never a pattern. */
export const GitPath = Type.String({ minLength: 1, maxLength: 4_096, pattern: '^[^\\u0000]*$' });
/** The content of a file as the id of its blob; null: there is no file. */
export const GitContentId = Type.Union([GitOid, Type.Null()]);
/** The header of a hunk up to the second `@@`: it names the hunk within a diff of one file. */
export const HunkHeader = Type.String({
  maxLength: 100,
  pattern: '^@@ -[0-9]+(,[0-9]+)? \\+[0-9]+(,[0-9]+)? @@$',
});

/** How many files one request names. */
export const MAX_GIT_PATHS = 2_000;
export const GitPaths = Type.Array(GitPath, { minItems: 1, maxItems: MAX_GIT_PATHS });

export const GIT_FILE_STATES = [
  'added',
  'modified',
  'deleted',
  'renamed',
  'copied',
  'type_changed',
  'conflict',
  'untracked',
] as const;
export type GitFileState = (typeof GIT_FILE_STATES)[number];

/** One file that differs between two states. */
export const GitFileChange = Type.Object({
  path: Text,
  /** The path before, of a renamed or copied file. */
  from: Type.Optional(Text),
  state: Type.Enum([...GIT_FILE_STATES]),
  /** Lines. Missing: the file is binary, or too large to be counted. */
  added: Type.Optional(Count),
  removed: Type.Optional(Count),
  binary: Type.Optional(Type.Literal(true)),
  /** The entry is another repository: a submodule. */
  submodule: Type.Optional(Type.Literal(true)),
  /** The name is no UTF-8: these are its bytes, as base64. Such a file can only be changed together with all others. */
  nameBytes: Type.Optional(Text),
});
export type GitFileChange = Static<typeof GitFileChange>;

/** Where a repository stands. */
export const GitRepositoryState = Type.Object({
  /** The top folder of the work tree. */
  top: Text,
  /** Null: `HEAD` is at a commit and at no branch. */
  branch: Type.Union([Text, Type.Null()]),
  /** Null: the branch has no commit yet. */
  head: Type.Union([Text, Type.Null()]),
  upstream: Type.Optional(Text),
  ahead: Type.Optional(Count),
  behind: Type.Optional(Count),
  /** What is not finished: a merge, a rebase, … */
  operation: Type.Optional(Type.Enum(['merge', 'rebase', 'cherry_pick', 'revert', 'bisect'])),
  /** A work tree that was added to the repository. */
  linked: Type.Optional(Type.Literal(true)),
  /** The repository has hooks that `programs` would run. */
  hooks: Type.Optional(Type.Literal(true)),
});
export type GitRepositoryState = Static<typeof GitRepositoryState>;

/** A file in `git_status`: how the index differs from the commit, and the work tree from the index. */
export const GitStatusEntry = Type.Object({
  path: Text,
  from: Type.Optional(Text),
  /** Missing: no difference. */
  index: Type.Optional(Type.Enum([...GIT_FILE_STATES])),
  workTree: Type.Optional(Type.Enum([...GIT_FILE_STATES])),
  submodule: Type.Optional(Type.Literal(true)),
  nameBytes: Type.Optional(Text),
});
export type GitStatusEntry = Static<typeof GitStatusEntry>;

export const GitCommit = Type.Object({
  oid: Text,
  parents: Type.Array(Text),
  author: Type.Object({ name: Text, email: Text, at: Type.Number() }),
  committer: Type.Object({ name: Text, email: Text, at: Type.Number() }),
  subject: Text,
  /** Branches and tags that are at the commit. */
  refs: Type.Array(Text),
});
export type GitCommit = Static<typeof GitCommit>;

export const GitBranch = Type.Object({
  name: Text,
  oid: Text,
  /** The branch of another repository, as it was fetched last. */
  remote: Type.Optional(Type.Literal(true)),
  upstream: Type.Optional(Text),
  ahead: Type.Optional(Count),
  behind: Type.Optional(Count),
  /** The upstream was deleted. */
  gone: Type.Optional(Type.Literal(true)),
  at: Type.Number(),
  subject: Text,
  /** The work tree that has the branch checked out. */
  workTree: Type.Optional(Text),
});
export type GitBranch = Static<typeof GitBranch>;

/** A page of the unified diff of one file, or of a whole difference. */
export const GitPatchPage = Type.Object({
  /** The content before and after, of one file. */
  was: Type.Optional(GitContentId),
  now: Type.Optional(GitContentId),
  binary: Type.Optional(Type.Literal(true)),
  /** The bytes of the diff from `offset`, as base64. */
  patch: Text,
  /** The bytes of the whole diff. */
  total: Count,
  /** The `offset` of the next request. Missing: this is the end. */
  next: Type.Optional(Count),
  /** Names this diff. A further page is asked for with it, and refused (`git_changed`) when the diff is another one. */
  version: Text,
});
export type GitPatchPage = Static<typeof GitPatchPage>;

/** What one turn of the agent changed. A turn lasts from an input until the agent is idle. */
export const SessionTurn = Type.Object({
  /** From 1. */
  turn: Type.Integer({ minimum: 1 }),
  /** ms since epoch: when it ended. */
  at: Type.Number(),
  files: Count,
  added: Count,
  removed: Count,
});
export type SessionTurn = Static<typeof SessionTurn>;

/**
 * Where the changes of a session are known from. `git`: from the states of the work tree. `tools`: the folder is in no
 * repository, and the tools `edit` and `write` of the agent say what they did. `none`: not known.
 */
export const CHANGE_SOURCES = ['git', 'tools', 'none'] as const;

/** The work tree of a session. */
export const SessionWorktree = Type.Object({
  worktreeId: Text,
  path: Text,
  /** The top of the work tree that it was made from. */
  repository: Text,
  branch: Text,
  /** The commit at which it began. */
  base: Text,
  /** The branch that a merge goes to. Null: `HEAD` was at no branch. */
  baseBranch: Type.Union([Text, Type.Null()]),
  /** The session that it was made for. */
  sessionId: Text,
  /** Whether the session has ended. */
  ended: Type.Boolean(),
  createdAt: Type.Number(),
  /** A person decided to keep it. */
  kept: Type.Boolean(),
  /** The folder is gone. */
  missing: Type.Optional(Type.Literal(true)),
  /** Files with work that is not committed. */
  uncommitted: Count,
  /** Commits that are not in `baseBranch`. */
  ahead: Count,
  /** Commits of `baseBranch` that are not in the branch. */
  behind: Count,
  /** Names this state. What discards work gives it back. */
  version: Text,
});
export type SessionWorktree = Static<typeof SessionWorktree>;

/** Asks for a work tree of its own for a new session. */
export const NewWorktree = Type.Object({
  /** Missing: `pizzapi/` and a name made of the name of the session. */
  branch: Type.Optional(GitBranchName),
  /** Where the branch begins. Missing: at `HEAD`. */
  base: Type.Optional(GitRev),
  /** Runs the filters and hooks of the repository. Needs the right `exec`. */
  programs: Type.Optional(Type.Boolean()),
});
export type NewWorktree = Static<typeof NewWorktree>;
