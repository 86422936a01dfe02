import Type, { type Static } from 'typebox';
import { FilePath, PathBytes } from './filePaths.js';
import { MAX_CALL_MS, method, PAGE_MESSAGE_BYTES, reply, request, RUNNER_PAGE_BYTES, SessionRef } from './method.js';

/**
 * Files of a host, read. Every method stays within the roots of the runner by real path, and for a guest within the folder of the
 * session (docs/protocol/files.md). A name that is no UTF-8, or that a page would show otherwise, has its bytes beside it.
 */

/** Entries of a folder in one reply. */
export const MAX_ENTRIES = 2_000;
/** Paths in one request of `find_paths`. */
export const MAX_FOUND_PATHS = 200;
/** Folders in one request of `watch_folders`. */
export const MAX_WATCHED_FOLDERS = 200;
/** Matches of one search. */
export const MAX_MATCHES = 10_000;
/** Matches in one reply. */
export const MATCHES_PAGE = 500;
/** How long a request waits for matches or changes, in ms. */
export const MAX_FILES_WAIT_MS = 25_000;
/** Searches and watches end when no request for them came for so long, in ms. */
export const FILES_ABANDONED_MS = 60_000;

const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });
const Wait = Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_FILES_WAIT_MS }));

/** What makes a file this state of it: changes whenever its content changes. Compared, never read. */
export const FileVersion = Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_.-]+$' });

/** `link`: a symbolic link. `other`: a device, a socket or a FIFO, which is never opened. */
export const FILE_KINDS = ['file', 'folder', 'link', 'other'] as const;
export type FileKind = (typeof FILE_KINDS)[number];
/** What git says of a file, or of what is in a folder. */
export const ENTRY_GIT_STATES = [
  'modified',
  'added',
  'renamed',
  'deleted',
  'untracked',
  'conflict',
  'ignored',
] as const;
export type EntryGitState = (typeof ENTRY_GIT_STATES)[number];
export const FILE_ORDERS = ['name', 'size', 'modified', 'kind'] as const;
export type FileOrder = (typeof FILE_ORDERS)[number];

/** The folder that relative paths begin at; without it the first root. The request of a guest always has it. */
const Of = { sessionId: Type.Optional(SessionRef) };

/** A path or a name of a reply. */
const Named = {
  /** For people. Also its exact name, unless `bytes` is there. */
  path: Text,
  /** The exact name. */
  bytes: Type.Optional(PathBytes),
};

export const FileEntry = Type.Object({
  /** For people. Also the exact name, unless `bytes` is there. */
  name: Text,
  bytes: Type.Optional(PathBytes),
  kind: Type.Enum([...FILE_KINDS]),
  /** Bytes of a file. */
  size: Type.Number(),
  /** Ms since epoch. */
  modified: Type.Number(),
  /** Of a link: what it leads to, when that lies within the same bounds. Missing: it leads nowhere, or out. */
  leadsTo: Type.Optional(Type.Enum(['file', 'folder'])),
  git: Type.Optional(Type.Enum([...ENTRY_GIT_STATES])),
});
export type FileEntry = Static<typeof FileEntry>;

/** What a file is now. */
export const FileFacts = Type.Object({
  ...Named,
  kind: Type.Enum(['file', 'folder']),
  size: Type.Number(),
  modified: Type.Number(),
  version: FileVersion,
});
export type FileFacts = Static<typeof FileFacts>;

/** Part of a line or a name, in bytes: from, and up to. */
const Range = Type.Tuple([Count, Count]);

export const FileMatch = Type.Object({
  /** From the folder that was searched. */
  ...Named,
  /** Of a name: what it is. */
  kind: Type.Optional(Type.Enum([...FILE_KINDS])),
  /** Of a content: the number of the line, from 1. */
  line: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Of a content: the line, or the part of it around the match, as base64. */
  text: Type.Optional(Text),
  /** What matched: in `text` in bytes, in a name in characters. */
  ranges: Type.Array(Range),
});
export type FileMatch = Static<typeof FileMatch>;

const SearchId = Type.String({ pattern: '^search_[a-z2-7]{20}$' });
const WatchId = Type.String({ pattern: '^watch_[a-z2-7]{20}$' });

const Matches = reply({
  searchId: SearchId,
  matches: Type.Array(FileMatch),
  /** `after` of the next request. Missing: there is nothing more. */
  next: Type.Optional(Count),
  /** There are more matches than a search answers. */
  limited: Type.Optional(Type.Boolean()),
  /** What looked: ripgrep, or the walker of the runner. */
  by: Type.Enum(['ripgrep', 'git', 'walker']),
});
export type FileMatches = Static<typeof Matches>;

const read = { right: 'files:read', guests: 'files:read' } as const;

export const FILE_METHODS = {
  list_files: method({
    ...read,
    summary: 'The entries of a folder, page by page',
    request: request({
      ...Of,
      /** Missing: the folder of the session, or the first root. */
      path: Type.Optional(FilePath),
      /** Also names that begin with a dot. Default true. */
      hidden: Type.Optional(Type.Boolean()),
      /** Also what git ignores. Default true. */
      ignored: Type.Optional(Type.Boolean()),
      /** Ask git for the state of each entry. Default true. */
      git: Type.Optional(Type.Boolean()),
      /** Folders come first. Default `name`. */
      order: Type.Optional(Type.Enum([...FILE_ORDERS])),
      descending: Type.Optional(Type.Boolean()),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ENTRIES })),
      /** `next` of the page before. */
      after: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    }),
    reply: reply({
      /** The real path of the folder. */
      ...Named,
      entries: Type.Array(FileEntry),
      /** How many entries the folder has, by what was asked for. */
      total: Count,
      next: Type.Optional(Text),
      /** Where paths may lie: the roots, or the folder of the session for a guest. */
      roots: Type.Array(Text),
      /** `delete_file` moves to the trash of the desktop. */
      trash: Type.Boolean(),
    }),
    timeoutMs: MAX_CALL_MS,
  }),
  find_paths: method({
    ...read,
    summary: 'Which of these paths exist, and what they are',
    request: request({ ...Of, paths: Type.Array(FilePath, { minItems: 1, maxItems: MAX_FOUND_PATHS }) }),
    /** In the order of the request. Null: it does not exist, lies outside, or is no file and no folder. */
    reply: reply({ found: Type.Array(Type.Union([FileFacts, Type.Null()])) }),
    maxRequestBytes: PAGE_MESSAGE_BYTES,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
  }),
  read_file: method({
    ...read,
    summary: 'A page of a file, by bytes or by lines',
    request: request({
      ...Of,
      path: FilePath,
      /** The first byte. Default 0. */
      offset: Type.Optional(Count),
      /** How many bytes at most. Default and maximum: one page. */
      length: Type.Optional(Type.Integer({ minimum: 0, maximum: RUNNER_PAGE_BYTES })),
      /** The first line instead of `offset`, from 1. */
      line: Type.Optional(Type.Integer({ minimum: 1 })),
      /** With `line`: how many lines at most. */
      lines: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
      /** Refuse with `file_changed` when the file is another one by now. */
      ifVersion: Type.Optional(FileVersion),
    }),
    reply: reply({
      /** The real path. */
      ...Named,
      version: FileVersion,
      size: Type.Number(),
      modified: Type.Number(),
      /** Of a text: its encoding as browsers name it. Missing: it is no text. */
      encoding: Type.Optional(Type.Enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'])),
      /** The file begins with the mark of its encoding, which `content` has at `offset` 0. */
      mark: Type.Optional(Type.Boolean()),
      /** Such as `image/png`, by content for images and by name else. */
      mediaType: Type.Optional(Text),
      /** The account of the runner may write it. */
      writable: Type.Boolean(),
      /** The bytes as they are on the disk, as base64. */
      content: Text,
      offset: Count,
      /** With `line`: the number of the first line of `content`. */
      line: Type.Optional(Type.Integer({ minimum: 1 })),
      /** `offset` of the next page. Missing: the file ends here. */
      next: Type.Optional(Count),
    }),
    timeoutMs: MAX_CALL_MS,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
  }),
  search_files: method({
    ...read,
    summary: 'Looks for files by name or by content below a folder',
    request: request({
      ...Of,
      /** Missing: the folder of the session, or the first root. */
      path: Type.Optional(FilePath),
      /** Of names: letters of the path in their order. Of contents: a text, or a regular expression. */
      query: Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[^\\u0000\\n\\r]*$' }),
      in: Type.Enum(['names', 'contents']),
      regex: Type.Optional(Type.Boolean()),
      /** Default: only when the query has a capital letter. */
      matchCase: Type.Optional(Type.Boolean()),
      word: Type.Optional(Type.Boolean()),
      hidden: Type.Optional(Type.Boolean()),
      ignored: Type.Optional(Type.Boolean()),
      /** Names: also folders. */
      folders: Type.Optional(Type.Boolean()),
      /** Only files whose path matches one of these globs; one that begins with `!` leaves files out. */
      globs: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\u0000]*$' }), { maxItems: 32 }),
      ),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_MATCHES })),
      /** How long to wait for the first matches. Default 5 s. */
      waitMs: Wait,
    }),
    reply: Matches,
    timeoutMs: MAX_CALL_MS,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
  }),
  search_more: method({
    ...read,
    summary: 'Continues the matches of a search',
    request: request({ ...Of, searchId: SearchId, after: Count, waitMs: Wait }),
    reply: Matches,
    timeoutMs: MAX_CALL_MS,
    maxReplyBytes: PAGE_MESSAGE_BYTES,
  }),
  search_cancel: method({
    ...read,
    summary: 'Ends a search',
    request: request({ ...Of, searchId: SearchId }),
    reply: reply({}),
    urgent: true,
  }),
  watch_folders: method({
    ...read,
    summary: 'Waits until something changes in one of these folders',
    request: request({
      ...Of,
      /** Only what is directly in them. */
      folders: Type.Array(FilePath, { maxItems: MAX_WATCHED_FOLDERS }),
      /** Of the reply before. Missing, or not known any more: a new watch, which answers at once. */
      watchId: Type.Optional(WatchId),
      /** `next` of the reply before. */
      after: Type.Optional(Count),
      waitMs: Wait,
    }),
    reply: reply({
      watchId: WatchId,
      next: Count,
      /** Which folders changed after `after`, by their place in the request. A new watch names all. */
      changed: Type.Array(Count),
      /** Which folders cannot be watched: they do not exist, or lie outside. */
      missing: Type.Array(Count),
    }),
    timeoutMs: MAX_CALL_MS,
    maxRequestBytes: PAGE_MESSAGE_BYTES,
  }),
};
