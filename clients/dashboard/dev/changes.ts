import type { GitCommit, GitFileChange, SessionWorktree } from '@pizzapi/protocol';
import { SESSIONS } from './lists.js';

const NOW = Date.now();
const OID = (digit: string) => digit.repeat(40);
const PATH = 'services/gateway/src/room/viewers.ts';

const FILES: GitFileChange[] = [
  { path: PATH, state: 'modified', added: 4, removed: 2 },
  { path: 'services/gateway/src/room/resume.ts', state: 'added', added: 41, removed: 0 },
  { path: 'services/gateway/src/room/oldViewers.ts', state: 'deleted', added: 0, removed: 12 },
  { path: 'docs/pictures/room.png', state: 'modified', binary: true },
];

const WORKTREES: SessionWorktree[] = [
  {
    ...{ worktreeId: 'pizzapi-resume-viewers-1a2b3c4d', branch: 'pizzapi/resume-viewers-1a2b3c4d', base: OID('a') },
    path: '/home/ada/.pizzapi/runner/worktrees/pizzapi-resume-viewers-1a2b3c4d',
    ...{
      repository: '/home/ada/pizzapi',
      baseBranch: 'main',
      sessionId: SESSIONS[0]!.sessionId,
      ended: false,
      createdAt: NOW,
    },
    ...{ kept: false, uncommitted: 3, ahead: 2, behind: 1, version: 'v1' },
  },
  {
    ...{ worktreeId: 'pizzapi-docs-5e6f7a8b', branch: 'pizzapi/docs-5e6f7a8b', base: OID('a'), baseBranch: 'main' },
    path: '/home/ada/.pizzapi/runner/worktrees/pizzapi-docs-5e6f7a8b',
    ...{ repository: '/home/ada/pizzapi', sessionId: 'docs', ended: true, createdAt: NOW },
    ...{ kept: true, uncommitted: 0, ahead: 1, behind: 4, version: 'v2' },
  },
  {
    ...{ worktreeId: 'pizzapi-spike-9c0d1e2f', branch: 'pizzapi/spike-9c0d1e2f', base: OID('a'), baseBranch: 'main' },
    path: '/home/ada/.pizzapi/runner/worktrees/pizzapi-spike-9c0d1e2f',
    ...{ repository: '/home/ada/pizzapi', sessionId: 'spike', ended: true, createdAt: NOW },
    ...{ kept: false, uncommitted: 0, ahead: 0, behind: 0, version: 'v3' },
  },
];

const COMMITS: GitCommit[] = [
  { subject: 'Send a viewer only what it has missed', refs: ['HEAD -> main', 'spike'] },
  { subject: 'Close the viewers of a room with a reason that they show to the person who watches', refs: [] },
  { subject: 'Keep the order of viewers', refs: ['origin/main', 'tag: v0.1.0'] },
  { subject: 'Count viewers', refs: [] },
  { subject: 'Begin', refs: [] },
].map((about, i) => {
  const by = { name: 'Ada Lovelace', email: 'ada@example.com', at: NOW - i * 7_200_000 };
  return { ...about, oid: OID(String(i + 1)), parents: [], author: by, committer: by };
});

const PATCH = `diff --git a/${PATH} b/${PATH}
--- a/${PATH}
+++ b/${PATH}
@@ -12,7 +12,8 @@ export class Viewers {
   private readonly all = new Set<Viewer>();
 
   add(viewer: Viewer): void {
-    this.all.add(viewer);
+    if (this.all.has(viewer)) return;
+    this.all.add(viewer.resumed(this.head));
   }
 
   get size(): number {
@@ -40,6 +41,7 @@ export class Viewers {
   close(): void {
-    for (const viewer of this.all) viewer.end();
+    for (const viewer of this.all) viewer.end('closed');
+    this.all.clear();
   }
 }
`;

/** Requests about git and changes, for a test. */
export const CALLS: { method: string; body: Record<string, unknown> }[] = [];

/** What a request about git and about changes is answered with, in the scene `changes`; undefined for any other. */
export function changesAnswer(scene: string, path: string, body: Record<string, unknown>): object | undefined {
  const method = /\/rpc\/(\w+)$/.exec(path)?.[1];
  if (!scene.startsWith('changes') || method === undefined) return undefined;
  CALLS.push({ method, body });
  const diff = { patch: btoa(PATCH), total: PATCH.length, version: 'v', was: OID('1'), now: OID('2') };
  switch (method) {
    case 'session_changes':
      return {
        source: scene === 'changes-tools' ? 'tools' : 'git',
        ...(scene === 'changes-tools' ? { why: 'The folder is in no repository.' } : {}),
        top: '/home/ada/pizzapi',
        began: { at: NOW - 3_600_000, head: OID('a'), branch: 'main' },
        turns: [
          { turn: 1, at: NOW - 1_800_000, files: 2, added: 43, removed: 2 },
          { turn: 2, at: NOW - 900_000, files: 0, added: 0, removed: 0 },
          { turn: 3, at: NOW - 60_000, files: 3, added: 4, removed: 12 },
        ],
        files: body['turn'] === undefined ? FILES : FILES.slice(0, 2),
        total: { files: 4, added: 45, removed: 14 },
        ...(scene === 'changes-tools' ? {} : { worktree: WORKTREES[0] }),
      };
    case 'session_diff':
      return body['path'] === PATH ? diff : { ...diff, patch: '', binary: true };
    case 'git_status':
      return {
        repository: {
          ...{ top: '/home/ada/pizzapi', branch: 'main', head: OID('a'), upstream: 'origin/main', ahead: 2, behind: 0 },
          hooks: true,
        },
        files: [
          { path: 'README.md', index: 'modified' },
          { path: PATH, index: 'modified', workTree: 'modified' },
          { path: 'notes.txt', workTree: 'untracked' },
        ],
        total: 3,
      };
    case 'git_diff':
      return { diff };
    case 'git_branches':
      return {
        current: 'main',
        branches: [
          { name: 'main', oid: OID('a'), at: NOW, subject: 'Resume viewers', workTree: '/home/ada/pizzapi' },
          { name: 'spike', oid: OID('b'), at: NOW, subject: 'Try another way' },
          { name: 'origin/main', oid: OID('c'), at: NOW, subject: 'Close viewers', remote: true },
        ],
      };
    case 'git_log': {
      const offset = Number(body['offset'] ?? 0);
      return { commits: COMMITS.slice(offset, offset + 4), ...(offset === 0 ? { next: 4 } : {}) };
    }
    case 'git_show':
      return {
        commit: COMMITS[0],
        message: `${COMMITS[0]!.subject}\n\nA viewer that was away for a moment gets only what it has missed.\n`,
        files: FILES,
      };
    case 'list_worktrees':
      return { worktrees: WORKTREES };
    case 'session_undo':
      return { now: OID('1') };
    case 'merge_worktree':
      return { into: 'main', oid: OID('c'), how: 'merged', removed: false };
    case 'git_commit':
      return { oid: OID('d'), subject: String(body['message']) };
    default:
      return method.startsWith('git_') || method.endsWith('_worktree') ? {} : undefined;
  }
}
