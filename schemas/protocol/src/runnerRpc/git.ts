import Type from 'typebox';
import { commandLine } from './commandLine.js';
import {
  GitBranch,
  GitBranchName,
  GitCommit,
  GitContentId,
  GitFileChange,
  GitPatchPage,
  GitPath,
  GitPaths,
  GitRepositoryState,
  GitRev,
  GitStatusEntry,
  HunkHeader,
  MAX_GIT_PATHS,
} from './gitShapes.js';
import {
  HostPath,
  MAX_CALL_MS,
  method,
  PAGE_MESSAGE_BYTES,
  reply,
  request,
  SessionRef,
  type AuditedChange,
} from './method.js';

/**
 * Git on a host. What reads starts no program that a repository names: no hook, no filter, no external diff. What changes
 * something starts them only with `programs`, for which the token of the runner must allow `exec` too.
 */
const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();

/** Files, commits or branches in one reply. */
export const GIT_PAGE = 1_000;
export const MAX_GIT_LOG = 200;

/** The repository that `cwd` is in. Missing: that of the folder of the session, or of the first root. */
const where = { cwd: Type.Optional(HostPath), sessionId: Type.Optional(SessionRef) };
const Programs = Type.Optional(Type.Boolean());
const Offset = Type.Optional(Count);
const Context = Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000 }));

const read = { right: 'files:read', timeoutMs: MAX_CALL_MS, maxReplyBytes: PAGE_MESSAGE_BYTES } as const;
const write = { right: 'files:write', timeoutMs: MAX_CALL_MS, maxRequestBytes: 512 * 1024 } as const;

interface GitPlace {
  cwd?: string;
  sessionId?: string;
}

/** The row of a change: the command as a person would type it, never a message or a content. */
const row = ({ cwd, sessionId }: GitPlace, ...argv: readonly string[]): AuditedChange => ({
  command: commandLine(['git', ...argv]),
  ...(cwd === undefined ? {} : { cwd }),
  ...(sessionId === undefined ? {} : { sessionId }),
});

const named = (paths: readonly string[] | undefined) => (paths === undefined ? ['--all'] : ['--', ...paths]);

/** One hunk of a diff that `git_diff` answered, of a file that has a content on both sides. */
const oneHunk = {
  path: GitPath,
  /** The contents that the diff was of. When the file has others, nothing is done (`git_changed`). */
  was: GitContentId,
  now: GitContentId,
  /** `@@ -1,2 +1,3 @@`, as in the diff. */
  hunk: HunkHeader,
  /** The `context` of the diff. */
  context: Context,
};

/** Files to change, or all. */
const some = { paths: Type.Optional(GitPaths), programs: Programs };

export const GIT_METHODS = {
  git_status: method({
    summary: 'The branch and the files that differ from the commit',
    request: request({ ...where, /** How many entries to skip. */ offset: Offset }),
    reply: reply({ repository: GitRepositoryState, files: Type.Array(GitStatusEntry), total: Count, next: Offset }),
    ...read,
  }),
  git_diff: method({
    summary: 'The files that differ between two states, or the diff of one',
    request: request({
      ...where,
      /** Without `from` and `to`: `index` is what is staged, `work_tree` what is not. With `from`: what it is compared to. */
      what: Type.Optional(Type.Enum(['work_tree', 'index'])),
      from: Type.Optional(GitRev),
      /** Without `from`: compared to its first parent. */
      to: Type.Optional(GitRev),
      /** The diff of this file. Missing: the list of files. */
      path: Type.Optional(GitPath),
      /** The diff of all files, as `git diff` prints it. */
      patch: Type.Optional(Type.Boolean()),
      /** Lines around a change. Default 3. */
      context: Context,
      offset: Offset,
      version: Type.Optional(Text),
    }),
    reply: reply({
      files: Type.Optional(Type.Array(GitFileChange)),
      next: Offset,
      /** With `path` or `patch`. */
      diff: Type.Optional(GitPatchPage),
    }),
    ...read,
  }),
  git_log: method({
    summary: 'Commits, the newest first',
    request: request({
      ...where,
      rev: Type.Optional(GitRev),
      /** Commits of all branches. */
      all: Type.Optional(Type.Boolean()),
      path: Type.Optional(GitPath),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_GIT_LOG })),
      /** How many commits to skip. */
      offset: Offset,
    }),
    reply: reply({ commits: Type.Array(GitCommit), next: Offset }),
    ...read,
  }),
  git_show: method({
    summary: 'A commit with its message and files, or a file as it was in a commit',
    request: request({ ...where, rev: GitRev, path: Type.Optional(GitPath), offset: Offset }),
    reply: reply({
      commit: Type.Optional(GitCommit),
      /** The whole message. */
      message: Type.Optional(Text),
      files: Type.Optional(Type.Array(GitFileChange)),
      next: Offset,
      /** With `path`: the bytes of the file from `offset`, as base64, and how many it has. */
      bytes: Type.Optional(Text),
      total: Type.Optional(Count),
    }),
    ...read,
  }),
  git_branches: method({
    summary: 'The branches, the latest commit first',
    request: request({ ...where, offset: Offset }),
    reply: reply({ current: Type.Union([Text, Type.Null()]), branches: Type.Array(GitBranch), next: Offset }),
    ...read,
  }),
  git_stage: method({
    summary: 'Adds changes of files to the index',
    request: request({ ...where, ...some }),
    reply: reply({}),
    ...write,
    changes: { kind: 'audited', did: 'staged files', what: (asked) => row(asked, 'add', ...named(asked.paths)) },
  }),
  git_unstage: method({
    summary: 'Takes changes of files out of the index',
    request: request({ ...where, paths: Type.Optional(GitPaths) }),
    reply: reply({}),
    ...write,
    changes: {
      kind: 'audited',
      did: 'unstaged files',
      what: (asked) => row(asked, 'restore', '--staged', ...named(asked.paths)),
    },
  }),
  git_stage_hunk: method({
    summary: 'Adds one hunk of a file to the index',
    request: request({ ...where, ...oneHunk, programs: Programs }),
    reply: reply({}),
    ...write,
    changes: {
      kind: 'audited',
      did: 'staged a part of a file',
      what: (asked) => row(asked, 'add', '--patch', '--', asked.path),
    },
  }),
  git_unstage_hunk: method({
    summary: 'Takes one hunk of a file out of the index',
    request: request({ ...where, ...oneHunk }),
    reply: reply({}),
    ...write,
    changes: {
      kind: 'audited',
      did: 'unstaged a part of a file',
      what: (asked) => row(asked, 'restore', '--staged', '--patch', '--', asked.path),
    },
  }),
  git_discard: method({
    summary: 'Discards changes of files that are not staged, and deletes files that git does not track',
    request: request({
      ...where,
      /** `now`: the content that is discarded. When the file has another one, nothing is done (`git_changed`). */
      files: Type.Array(
        Type.Object({ path: GitPath, now: Type.Optional(GitContentId) }, { additionalProperties: false }),
        {
          minItems: 1,
          maxItems: MAX_GIT_PATHS,
        },
      ),
      programs: Programs,
    }),
    reply: reply({}),
    ...write,
    changes: {
      kind: 'audited',
      did: 'discarded changes of files',
      what: (asked) => row(asked, 'restore', ...named(asked.files.map(({ path }) => path))),
    },
  }),
  git_commit: method({
    summary: 'Commits the index',
    request: request({
      ...where,
      message: Type.String({ minLength: 1, maxLength: 64 * 1024, pattern: '^[^\\u0000]*$' }),
      /** Stages all changes before. */
      all: Type.Optional(Type.Boolean()),
      amend: Type.Optional(Type.Boolean()),
      /** The commit that `HEAD` is at. When it is at another one, nothing is done (`git_changed`). */
      head: Type.Optional(GitContentId),
      /** Runs hooks and signs, as the repository says. */
      programs: Programs,
    }),
    reply: reply({ oid: Text, subject: Text }),
    ...write,
    changes: {
      kind: 'audited',
      did: 'made a commit',
      what: (asked) =>
        row(asked, 'commit', ...(asked.all === true ? ['--all'] : []), ...(asked.amend === true ? ['--amend'] : [])),
    },
  }),
  git_checkout: method({
    summary: 'Switches to a branch, or makes one',
    request: request({
      ...where,
      branch: GitBranchName,
      create: Type.Optional(Type.Boolean()),
      /** Where a new branch begins. */
      from: Type.Optional(GitRev),
      programs: Programs,
    }),
    reply: reply({ repository: GitRepositoryState }),
    ...write,
    changes: {
      kind: 'audited',
      did: 'switched the branch',
      what: (asked) =>
        row(
          asked,
          'switch',
          ...(asked.create === true ? ['--create'] : []),
          asked.branch,
          ...(asked.from === undefined ? [] : [asked.from]),
        ),
    },
  }),
};
