import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GitProgram } from './gitProgram.js';
import { SessionWorktrees } from './sessionWorktrees.js';
import { TestRepositories } from './testing/repositories.js';

const repositories = new TestRepositories();
const { base } = repositories;
const { signal } = new AbortController();
let git: GitProgram;

beforeAll(async () => (git = await repositories.program()));
afterAll(() => repositories.remove());

let made = 0;
function worktrees(hosted: readonly string[] = []) {
  return new SessionWorktrees({
    ...{ git, roots: [base], folder: join(base, `worktrees-${++made}`), records: join(base, `records-${made}`) },
    isHosted: (sid) => hosted.includes(sid),
    requirePrograms: () => undefined,
    log: { warn: vi.fn() },
  });
}

const order = (sid: string, cwd: string, name?: string) => ({ sid, cwd, name, worktree: {} });

describe('the work trees of sessions', () => {
  it('of two sessions on one repository do not see each other, and both are merged', async () => {
    const top = repositories.make();
    const subject = worktrees();
    const [first, second] = await Promise.all([
      subject.create(order('s1', top, 'Fix the login')),
      subject.create(order('s2', top)),
    ]);
    writeFileSync(join(first, 'first.txt'), 'first\n');
    writeFileSync(join(second, 'second.txt'), 'second\n');
    expect(existsSync(join(second, 'first.txt'))).toBe(false);
    const [one, two] = await subject.list();
    expect(one).toMatchObject({
      ...{ sessionId: 's1', repository: top, baseBranch: 'main', ended: true, kept: false, uncommitted: 1, ahead: 0 },
      branch: expect.stringMatching(/^pizzapi\/fix-the-login-[0-9a-f]{8}$/) as string,
    });
    await expect(subject.merge({ worktreeId: one!.worktreeId }, signal)).rejects.toMatchObject({
      code: 'worktree_unsaved',
    });
    const merge = (worktreeId: string) => subject.merge({ worktreeId, commit: 'Add a file', remove: true }, signal);
    expect(await merge(one!.worktreeId)).toMatchObject({ into: 'main', how: 'fast_forward', removed: true });
    expect(await merge(two!.worktreeId)).toMatchObject({ into: 'main', how: 'merged', removed: true });
    expect(readFileSync(join(top, 'first.txt'), 'utf8') + readFileSync(join(top, 'second.txt'), 'utf8')).toBe(
      'first\nsecond\n',
    );
    expect(await subject.list()).toEqual([]);
    expect(existsSync(first)).toBe(false);
    expect(repositories.git(top, 'branch', '--format=%(refname:short)').trim()).toBe('main');
    expect(repositories.git(top, 'worktree', 'list').trim().split('\n')).toHaveLength(1);
  });

  it('are not removed with work that is in no other branch until exactly that is confirmed', async () => {
    const top = repositories.make();
    const subject = worktrees();
    const folder = await subject.create(order('s1', top));
    const { worktreeId } = (await subject.list('s1'))[0]!;
    writeFileSync(join(folder, 'a.txt'), 'committed\n');
    repositories.git(folder, 'commit', '--quiet', '--all', '-m', 'work');
    const refusal = async (discard?: string) =>
      subject.remove({ worktreeId, ...(discard === undefined ? {} : { discard }) }).then(
        () => 'removed' as const,
        (error: { code: string; details: { version: string } }) => error,
      );
    const committed = await refusal();
    expect(committed).toMatchObject({ code: 'worktree_unsaved', details: { uncommitted: 0, commits: 1 } });
    writeFileSync(join(folder, 'a.txt'), 'more\n');
    const shown = await refusal(committed === 'removed' ? '' : committed.details.version);
    expect(shown).toMatchObject({
      code: 'worktree_unsaved',
      details: { uncommitted: 1, commits: 1, hasChanged: true },
    });
    writeFileSync(join(folder, 'a.txt'), 'even more\n');
    expect(await refusal(shown === 'removed' ? '' : shown.details.version)).toMatchObject({ code: 'worktree_unsaved' });
    expect(await refusal((await subject.list())[0]!.version)).toBe('removed');
    expect(existsSync(folder)).toBe(false);
  });

  it('stay as they are when both sides changed the same lines', async () => {
    const top = repositories.make();
    const subject = worktrees();
    const folder = await subject.create(order('s1', top));
    const { worktreeId } = (await subject.list())[0]!;
    writeFileSync(join(folder, 'a.txt'), 'theirs\n');
    writeFileSync(join(top, 'a.txt'), 'ours\n');
    repositories.git(top, 'commit', '--quiet', '--all', '-m', 'ours');
    const head = repositories.git(top, 'rev-parse', 'HEAD');
    const merging = subject.merge({ worktreeId, commit: 'theirs', remove: true }, signal);
    await expect(merging).rejects.toMatchObject({ code: 'git_conflict', details: { files: ['a.txt'] } });
    expect(repositories.git(top, 'rev-parse', 'HEAD')).toBe(head);
    expect(repositories.git(top, 'status', '--porcelain')).toBe('');
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('theirs\n');
    // The same with a branch that no work tree has checked out.
    repositories.git(top, 'switch', '--quiet', '--create', 'other');
    await expect(subject.merge({ worktreeId }, signal)).rejects.toMatchObject({ code: 'git_conflict' });
    expect(await subject.merge({ worktreeId, into: 'other' }, signal).catch(() => 'conflict')).toBe('conflict');
    repositories.git(top, 'branch', 'third', `${head.trim()}~1`);
    expect(await subject.merge({ worktreeId, into: 'third' }, signal)).toMatchObject({ how: 'fast_forward' });
  });

  it('are not removed while their session runs, and a command that is repeated after a crash makes no second one', async () => {
    const top = repositories.make();
    const subject = worktrees(['s1']);
    const folder = await subject.create(order('s1', top));
    expect(await subject.create(order('s1', top))).toBe(folder);
    const { worktreeId } = (await subject.list())[0]!;
    await expect(subject.remove({ worktreeId })).rejects.toMatchObject({ code: 'worktree_in_use' });
    await subject.keep({ worktreeId });
    expect(await subject.list()).toMatchObject([{ kept: true, ended: false }]);
    await expect(subject.remove({ worktreeId: '../x' })).rejects.toMatchObject({ code: 'worktree_unknown' });
  });

  it('begin in the same folder of the repository, without the hooks of the repository', async () => {
    const top = repositories.make();
    repositories.write(top, { 'sub/x.txt': 'x' });
    repositories.git(top, 'add', '.');
    repositories.git(top, 'commit', '--quiet', '-m', 'sub');
    const mark = join(base, 'mark-of-checkout');
    writeFileSync(join(top, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
    const folder = await worktrees().create(order('s1', join(top, 'sub')));
    expect(folder).toMatch(/\/sub$/);
    expect(existsSync(join(folder, 'x.txt'))).toBe(true);
    expect(existsSync(mark)).toBe(false);
  });
});
