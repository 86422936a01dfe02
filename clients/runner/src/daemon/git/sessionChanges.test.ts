import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GitProgram } from './gitProgram.js';
import { SessionChanges } from './sessionChanges.js';
import { SessionStateRecorder } from './sessionStates.js';
import { undoChange } from './sessionUndo.js';
import { TestRepositories } from './testing/repositories.js';

const repositories = new TestRepositories();
const { base } = repositories;
let git: GitProgram;

beforeAll(async () => (git = await repositories.program()));
afterAll(() => repositories.remove());

let sessions = 0;

/** A session that begins in a folder. */
async function begin(cwd: string, file?: string) {
  const sid = `s${++sessions}`;
  const log = { warn: vi.fn(), debug: vi.fn() };
  const states = new SessionStateRecorder({ git, roots: [base], folder: join(base, 'changes'), log });
  const changes = new SessionChanges(states, () => Promise.resolve({ cwd, file }));
  await states.begin(sid, cwd);
  return {
    sid,
    states,
    log,
    endTurn: () => states.endTurn(sid),
    changes: (turn?: number, guest = false) =>
      changes.changes({ sessionId: sid, ...(turn === undefined ? {} : { turn }) }, guest),
    diff: async (path: string, turn?: number, guest = false) => {
      const page = await changes.diff({ sessionId: sid, path, ...(turn === undefined ? {} : { turn }) }, guest);
      return { ...page, text: Buffer.from(page.patch, 'base64').toString() };
    },
    undo: (request: { path: string; was: string | null; now: string | null; hunk?: string; turn?: number }) =>
      undoChange(states, changes, { sessionId: sid, ...request }),
  };
}

const read = (top: string, path: string) => readFileSync(join(top, path), 'utf8');
const many = (change: (line: number) => string) => Array.from({ length: 60 }, (_, line) => change(line + 1)).join('');

describe('the changes of a session', () => {
  it('are what differs from its start, per turn and in total, with the work that was not committed before', async () => {
    const top = repositories.make();
    repositories.write(top, { 'a.txt': 'before\n', 'mine.txt': 'mine\n' });
    const session = await begin(top);
    repositories.write(top, { 'a.txt': 'first\n', 'b/new.txt': 'new\nnew\n' });
    await session.endTurn();
    repositories.write(top, { 'a.txt': 'second\n' });
    repositories.git(top, 'add', 'a.txt');
    repositories.git(top, 'commit', '--quiet', '-m', 'by the agent');
    await session.endTurn();
    const total = await session.changes();
    expect(total).toMatchObject({
      source: 'git',
      top,
      began: { branch: 'main', head: expect.stringMatching(/^[0-9a-f]{40}$/) as string },
      turns: [
        { turn: 1, files: 2, added: 3, removed: 1 },
        { turn: 2, files: 1, added: 1, removed: 1 },
      ],
      files: [
        { path: 'a.txt', state: 'modified', added: 1, removed: 1 },
        { path: 'b/new.txt', state: 'added', added: 2, removed: 0 },
      ],
      total: { files: 2, added: 3, removed: 1 },
    });
    expect((await session.changes(2)).files).toMatchObject([{ path: 'a.txt' }]);
    expect((await session.diff('a.txt', 2)).text).toContain('-first\n+second\n');
    expect((await session.diff('a.txt')).text).toContain('-before\n+second\n');
    await expect(session.changes(3)).rejects.toMatchObject({ code: 'git_changed' });
  });

  it('are recorded without touching the index, the refs and the objects of the person', async () => {
    const top = repositories.make();
    const picture = () => [
      readFileSync(join(top, '.git/index')).toString('hex'),
      repositories.git(top, 'for-each-ref'),
      repositories.git(top, 'count-objects', '-v'),
      repositories.git(top, 'status', '--porcelain'),
    ];
    repositories.write(top, { 'a.txt': 'three\n' });
    repositories.git(top, 'add', 'a.txt');
    repositories.write(top, { 'a.txt': 'four\n', 'new.txt': 'new\n' });
    const before = picture();
    const session = await begin(top);
    await session.endTurn();
    await session.changes();
    expect(picture()).toEqual(before);
    expect(session.log.warn).not.toHaveBeenCalled();
  });

  it('leave out what git ignores, large files and other repositories, and start no program of the repository', async () => {
    const top = repositories.make();
    const mark = join(base, 'mark-of-states');
    const evil = join(base, 'evil-of-states');
    writeFileSync(evil, `#!/bin/sh\ntouch '${mark}'\ncat\n`);
    chmodSync(evil, 0o755);
    repositories.write(top, { '.gitignore': 'out\n', '.gitattributes': '* filter=evil diff=evil\n' });
    for (const key of ['filter.evil.clean', 'filter.evil.smudge', 'diff.evil.textconv', 'diff.external'])
      repositories.git(top, 'config', key, evil);
    repositories.git(top, 'config', 'core.fsmonitor', evil);
    const session = await begin(top);
    repositories.write(top, { 'out/x': 'x', 'inner/x': 'x', 'a.txt': 'three\n', large: 'x'.repeat(17 * 1024 * 1024) });
    repositories.git(join(top, 'inner'), 'init', '--quiet');
    expect((await session.changes()).files).toMatchObject([{ path: 'a.txt' }]);
    await session.diff('a.txt');
    expect(existsSync(mark)).toBe(false);
  });

  it('are known also when a file is in conflict, in another encoding than it says, or replaced by a pipe', async () => {
    const top = repositories.make();
    repositories.write(top, { '.gitattributes': '*.u16 working-tree-encoding=UTF-16\n', p: 'p\n', 'q.u16': '' });
    repositories.git(top, 'add', '.');
    repositories.git(top, 'commit', '--quiet', '-m', 'attributes');
    repositories.git(top, 'switch', '--quiet', '--create', 'other');
    repositories.write(top, { 'a.txt': 'theirs\n' });
    repositories.git(top, 'commit', '--quiet', '--all', '-m', 'theirs');
    repositories.git(top, 'switch', '--quiet', 'main');
    repositories.write(top, { 'a.txt': 'ours\n' });
    repositories.git(top, 'commit', '--quiet', '--all', '-m', 'ours');
    expect(() => repositories.git(top, 'merge', 'other')).toThrow();
    const session = await begin(top);
    repositories.write(top, { 'a.txt': 'resolved\n', 'q.u16': 'odd' });
    unlinkSync(join(top, 'p'));
    execFileSync('mkfifo', [join(top, 'p')]);
    expect((await session.changes()).files).toMatchObject([
      { path: 'a.txt', added: 1 },
      { path: 'q.u16', added: 1 },
    ]);
    expect((await session.diff('a.txt')).text).toContain('-<<<<<<< HEAD\n');
    expect(session.log.warn).not.toHaveBeenCalled();
  });

  it('are undone file by file and part by part', async () => {
    const top = repositories.make();
    repositories.write(top, { 'long.txt': many((line) => `${line}\n`), 'gone.txt': 'gone\n', 'run.sh': 'run\n' });
    chmodSync(join(top, 'run.sh'), 0o755);
    const session = await begin(top);
    repositories.write(top, {
      'long.txt': many((line) => (line === 5 || line === 50 ? `changed ${line}\n` : `${line}\n`)),
      'new.txt': 'new\n',
      'run.sh': 'changed\n',
    });
    renameSync(join(top, 'gone.txt'), join(top, 'moved.txt'));
    const { text, was, now } = await session.diff('long.txt');
    const [first] = /^@@ [^@]+ @@/m.exec(text) ?? [];
    const undone = await session.undo({ path: 'long.txt', was: was!, now: now!, hunk: first! });
    expect(read(top, 'long.txt')).toBe(many((line) => (line === 50 ? 'changed 50\n' : `${line}\n`)));
    expect((await session.diff('long.txt')).now).toBe(undone.now);
    for (const path of ['new.txt', 'gone.txt', 'moved.txt', 'run.sh']) {
      const shown = await session.diff(path);
      await session.undo({ path, was: shown.was!, now: shown.now! });
    }
    expect(existsSync(join(top, 'new.txt'))).toBe(false);
    expect(read(top, 'gone.txt')).toBe('gone\n');
    expect(read(top, 'run.sh')).toBe('run\n');
    expect(statSync(join(top, 'run.sh')).mode & 0o100).toBe(0o100);
    expect((await session.changes()).files.map(({ path }) => path)).toEqual(['long.txt']);
  });

  it('are not undone when the file has changed since they were shown', async () => {
    const top = repositories.make();
    const session = await begin(top);
    repositories.write(top, { 'a.txt': 'three\n' });
    const shown = await session.diff('a.txt');
    repositories.write(top, { 'a.txt': 'four\n' });
    const request = { path: 'a.txt', was: shown.was!, now: shown.now! };
    await expect(session.undo(request)).rejects.toMatchObject({ code: 'git_changed' });
    await session.endTurn();
    repositories.write(top, { 'a.txt': 'five\n' });
    const turn = await session.diff('a.txt', 1);
    await expect(session.undo({ path: 'a.txt', turn: 1, was: turn.was!, now: turn.now! })).rejects.toMatchObject({
      code: 'git_changed',
    });
    expect(read(top, 'a.txt')).toBe('five\n');
  });

  it('are not undone through a symlink that leads out of the folder', async () => {
    const top = repositories.make();
    mkdirSync(join(base, 'outside'));
    repositories.write(top, { 'sub/x.txt': 'one\n' });
    const session = await begin(top);
    repositories.write(top, { 'sub/x.txt': 'two\n' });
    const { was, now } = await session.diff('sub/x.txt');
    renameSync(join(top, 'sub'), join(top, 'kept'));
    writeFileSync(join(base, 'outside', 'x.txt'), 'two\n');
    symlinkSync(join(base, 'outside'), join(top, 'sub'));
    await expect(session.undo({ path: 'sub/x.txt', was: was!, now: now! })).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(readFileSync(join(base, 'outside', 'x.txt'), 'utf8')).toBe('two\n');
  });

  it('of a guest are those of the folder of the session', async () => {
    const top = repositories.make();
    repositories.write(top, { 'sub/x.txt': 'one\n' });
    const session = await begin(join(top, 'sub'));
    repositories.write(top, { 'sub/x.txt': 'two\n', 'a.txt': 'secret\n' });
    expect((await session.changes(undefined, true)).files.map(({ path }) => path)).toEqual(['sub/x.txt']);
    expect((await session.changes()).files).toHaveLength(2);
    await expect(session.diff('a.txt', undefined, true)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await session.diff('sub/x.txt', undefined, true)).text).toContain('+two');
  });

  it('in a folder without git are those that the tools of the agent tell, and the answer says so', async () => {
    const folder = join(base, 'plain');
    mkdirSync(folder);
    const call = (id: string, name: string, args: object) => ({
      ...{
        type: 'message',
        message: { role: 'assistant', content: [{ type: 'toolCall', id, name, arguments: args }] },
      },
    });
    const result = (toolCallId: string, more: object = {}) => ({
      ...{ type: 'message', message: { role: 'toolResult', toolCallId, isError: false, timestamp: 7, ...more } },
    });
    const diff = ' 1 one\n-2 two\n+2 2\n+3 3\n   ...\n 9 nine\n-10 ten\n';
    const lines = [
      { type: 'session' },
      { type: 'message', message: { role: 'user', timestamp: 5, content: 'hello' } },
      ...[call('1', 'edit', { path: 'a.txt' }), result('1', { details: { diff } })],
      ...[call('2', 'write', { path: join(folder, 'b.txt'), content: 'x\ny\n' }), result('2')],
      { type: 'message', message: { role: 'user', timestamp: 8, content: 'more' } },
      ...[call('3', 'write', { path: '../c.txt', content: 'x' }), result('3')],
      ...[call('4', 'edit', { path: 'd.txt' }), result('4', { isError: true })],
    ];
    const file = join(base, 'plain.jsonl');
    writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    const session = await begin(folder, file);
    expect(await session.changes()).toMatchObject({
      source: 'tools',
      why: expect.stringContaining('no repository') as string,
      turns: [
        { turn: 1, at: 7, files: 2, added: 4, removed: 2 },
        { turn: 2, at: 7, files: 1, added: 1, removed: 0 },
      ],
      files: [{ path: 'a.txt' }, { path: 'b.txt' }, { path: join(base, 'c.txt') }],
    });
    expect((await session.changes(1, true)).files).toHaveLength(2);
    expect((await session.changes(2, true)).files).toEqual([]);
    expect((await session.diff('a.txt')).text).toBe(
      '@@ -1,2 +1,3 @@\n one\n-two\n+2\n+3\n@@ -9,2 +10,1 @@\n nine\n-ten\n',
    );
    await expect(session.undo({ path: 'a.txt', was: null, now: null })).rejects.toMatchObject({
      code: 'git_no_repository',
    });
  });
});
