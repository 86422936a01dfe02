import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFor, findGit, gitEnvironment } from './gitEnvironment.js';
import type { GitProgram } from './gitProgram.js';
import { gitBranches, gitDiff, gitLog, gitShow, gitStatus } from './gitReads.js';
import { gitCommit, gitDiscard, gitStage, gitUnstage } from './gitWrites.js';
import { gitStageHunk, gitUnstageHunk } from './hunkStaging.js';
import { placeOf, readWorkFile, Repository } from './repository.js';
import { TestRepositories } from './testing/repositories.js';

/** Real repositories, of which each may try to run a program that leaves a mark. */
const repositories = new TestRepositories();
const { base } = repositories;
const shell = (cwd: string, ...args: string[]) => repositories.git(cwd, ...args);
let git: GitProgram;
const { signal } = new AbortController();

beforeAll(async () => (git = await repositories.program()));
afterAll(() => repositories.remove());

function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    // git fails when the program does.
  }
}

let made = 0;
/** A repository with two commits, and a program that leaves a mark when it runs. */
function hostile(): { top: string; mark: string; evil: string } {
  const top = repositories.make();
  const mark = join(base, `mark-${++made}`);
  const evil = join(base, `evil-${made}.sh`);
  writeFileSync(evil, `#!/bin/sh\ntouch '${mark}'\nexit 1\n`);
  chmodSync(evil, 0o755);
  repositories.write(top, { 'a.txt': 'three\n', 'new.txt': 'new\n' });
  return { top, mark, evil };
}

const find = (folder: string, roots = [base]) => Repository.find(git, folder, roots);

/** Every request that reads. */
async function readAll(top: string): Promise<void> {
  const repository = await find(top);
  await gitStatus(repository, {}, signal);
  for (const path of ['a.txt', 'new.txt']) await gitDiff(repository, { path }, signal);
  await gitDiff(repository, { what: 'index', patch: true }, signal);
  await gitDiff(repository, { from: 'HEAD', patch: true }, signal);
  await gitDiff(repository, { to: 'HEAD', path: 'a.txt' }, signal);
  await gitLog(repository, { path: 'a.txt', all: true }, signal);
  await gitShow(repository, { rev: 'HEAD' }, signal);
  await gitShow(repository, { rev: 'HEAD', path: 'a.txt' }, signal);
  await gitBranches(repository, {}, signal);
}

/** Every request that changes something, without `programs`. A filter makes some of them fail. */
async function writeAll(top: string): Promise<void> {
  const ignore = () => undefined;
  const repository = await find(top);
  await gitStage(repository, {}, signal).catch(ignore);
  await gitUnstage(repository, { paths: ['a.txt'] }, signal).catch(ignore);
  const shown = await gitDiff(repository, { path: 'a.txt' }, signal).catch(ignore);
  const { was = null, now = null } = shown?.diff ?? {};
  const hunk = { path: 'a.txt', hunk: '@@ -1 +1 @@' };
  await gitStageHunk(repository, { ...hunk, was, now }, signal).catch(ignore);
  await gitUnstageHunk(repository, { ...hunk, was, now }, signal).catch(ignore);
  await gitCommit(repository, { message: 'three', all: true }, signal).catch(ignore);
  writeFileSync(join(top, 'a.txt'), 'four\n');
  await gitDiscard(repository, { files: [{ path: 'a.txt' }] }, signal).catch(ignore);
}

describe('a repository that names a program', () => {
  const attributes = (top: string, line: string) => writeFileSync(join(top, '.gitattributes'), `${line}\n`);
  const config = (top: string, key: string, value: string) => void shell(top, 'config', key, value);
  const cases: Record<string, (top: string, evil: string) => void> = {
    'core.fsmonitor': (top, evil) => config(top, 'core.fsmonitor', evil),
    'core.hooksPath': (top, evil) => {
      const hooks = join(top, '.git', 'evil');
      mkdirSync(hooks);
      for (const name of ['pre-commit', 'post-index-change', 'post-checkout', 'reference-transaction', 'commit-msg'])
        symlinkSync(evil, join(hooks, name));
      config(top, 'core.hooksPath', hooks);
    },
    hooks: (top, evil) => {
      for (const name of ['pre-commit', 'post-index-change', 'prepare-commit-msg', 'post-commit', 'pre-auto-gc'])
        symlinkSync(evil, join(top, '.git', 'hooks', name));
    },
    'diff.external': (top, evil) => config(top, 'diff.external', evil),
    'diff.<driver>.command': (top, evil) => {
      attributes(top, '* diff=evil');
      config(top, 'diff.evil.command', evil);
    },
    'diff.<driver>.textconv': (top, evil) => {
      attributes(top, '* diff=evil');
      config(top, 'diff.evil.textconv', evil);
    },
    'filter.<driver>.clean': (top, evil) => {
      attributes(top, '* filter=evil');
      config(top, 'filter.evil.clean', evil);
      config(top, 'filter.evil.smudge', evil);
    },
    'filter.<driver>.process': (top, evil) => {
      attributes(top, '* filter=evil');
      config(top, 'filter.evil.process', evil);
    },
    'a filter whose name has a sign of assignment': (top, evil) => {
      attributes(top, '* filter=a=b');
      config(top, 'filter.a=b.clean', evil);
    },
    'a filter of an included file': (top, evil) => {
      attributes(top, '* filter=evil');
      writeFileSync(join(top, '.git', 'more'), `[filter "evil"]\nclean = ${evil}\n`);
      config(top, 'include.path', 'more');
    },
    'a filter of the configuration of the work tree': (top, evil) => {
      attributes(top, '* filter=evil');
      config(top, 'extensions.worktreeConfig', 'true');
      shell(top, 'config', '--worktree', 'filter.evil.clean', evil);
    },
    'gpg.program': (top, evil) => {
      config(top, 'gpg.program', evil);
      config(top, 'commit.gpgSign', 'true');
      config(top, 'log.showSignature', 'true');
    },
    'core.pager, core.editor and aliases': (top, evil) => {
      for (const key of ['core.pager', 'core.editor', 'pager.log', 'sequence.editor']) config(top, key, evil);
      for (const name of ['status', 'log', 'diff', 'rev-parse']) config(top, `alias.${name}`, `!${evil}`);
    },
    'a promisor remote': (top, evil) => {
      const url = `ext::${evil}`;
      config(top, 'extensions.partialClone', 'origin');
      config(top, 'remote.origin.url', url);
      config(top, 'remote.origin.promisor', 'true');
      config(top, 'protocol.ext.allow', 'always');
      const blob = shell(top, 'rev-parse', 'HEAD:a.txt').trim();
      rmSync(join(top, '.git', 'objects', blob.slice(0, 2), blob.slice(2)), { force: true });
    },
    'credential.helper and core.sshCommand': (top, evil) => {
      config(top, 'credential.helper', `!${evil}`);
      config(top, 'core.sshCommand', evil);
    },
    'a submodule with a filter of its own': (top, evil) => {
      const lib = join(top, 'lib');
      mkdirSync(lib);
      shell(lib, 'init', '--quiet');
      writeFileSync(join(lib, 'x'), '1\n');
      shell(lib, 'add', '.');
      shell(lib, 'commit', '--quiet', '-m', 'x');
      shell(top, 'add', 'lib');
      shell(top, 'commit', '--quiet', '-m', 'lib');
      writeFileSync(join(lib, 'x'), '2\n');
      attributes(lib, '* filter=evil');
      shell(lib, 'config', 'filter.evil.clean', evil);
      shell(lib, 'config', 'core.fsmonitor', evil);
    },
  };

  /** Cases in which `git diff` and `git commit` of a terminal start nothing either. */
  const HARMLESS = [
    'core.pager, core.editor and aliases',
    'a promisor remote',
    'credential.helper and core.sshCommand',
  ];

  it.each(Object.keys(cases))('by %s starts none while it is read or changed', async (name) => {
    const { top, mark, evil } = hostile();
    cases[name]!(top, evil);
    await readAll(top).catch((error: unknown) => {
      // Without the object that only its remote has, there is no diff.
      if (name !== 'a promisor remote') throw error;
    });
    await writeAll(top);
    expect(existsSync(mark)).toBe(false);
    if (HARMLESS.includes(name)) return;
    // The case is a real one: the git of a terminal starts the program.
    writeFileSync(join(top, 'a.txt'), 'five\n');
    for (const args of [['diff'], ['commit', '--quiet', '--all', '-m', 'five']])
      if (!existsSync(mark)) attempt(() => shell(top, ...args));
    expect(existsSync(mark)).toBe(true);
  });

  it('by a filter refuses to stage the file until programs are allowed', async () => {
    const { top, mark, evil } = hostile();
    cases['filter.<driver>.clean']!(top, evil);
    writeFileSync(evil, `#!/bin/sh\ntouch '${mark}'\ncat\n`);
    await expect(gitStage(await find(top), {}, signal)).rejects.toMatchObject({ code: 'git_needs_programs' });
    const { was = null, now = null } = (await gitDiff(await find(top), { path: 'a.txt' }, signal)).diff!;
    const hunk = { path: 'a.txt', was, now, hunk: '@@ -1 +1 @@' };
    await expect(gitStageHunk(await find(top), hunk, signal)).rejects.toMatchObject({ code: 'git_needs_programs' });
    expect(existsSync(mark)).toBe(false);
    await gitStage(await find(top), { programs: true }, signal);
    expect(existsSync(mark)).toBe(true);
  });

  it('of its own name within the repository is not the git that is started', async () => {
    const { top, evil } = hostile();
    symlinkSync(evil, join(top, 'git'));
    const path = `.:${top.slice(1)}:${process.env['PATH'] ?? ''}`;
    expect(findGit({ PATH: path })).toBe(findGit(process.env));
    expect(gitEnvironment({ PATH: path }, 'read', [])['PATH']).toBe(process.env['PATH']);
  });

  it('in a folder that looks like a repository without a work tree is not asked', async () => {
    const { top, mark, evil } = hostile();
    const bare = join(top, 'bare');
    shell(top, 'init', '--quiet', '--bare', bare);
    shell(bare, 'config', 'core.fsmonitor', evil);
    await expect(find(bare)).rejects.toMatchObject({ code: 'git_no_repository' });
    expect(existsSync(mark)).toBe(false);
  });

  it('gets nothing of the git variables of the daemon', () => {
    const env = gitEnvironment({ GIT_DIR: '/x', GIT_EXTERNAL_DIFF: '/x', GIT_TRACE: '/x', HOME: '/h' }, 'read', []);
    expect(Object.keys(env)).not.toEqual(expect.arrayContaining(['GIT_DIR']));
    expect(env).not.toHaveProperty('GIT_EXTERNAL_DIFF');
    expect(env).not.toHaveProperty('GIT_TRACE');
    expect(env).toMatchObject({ HOME: '/h', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' });
    expect(configFor('read', ['filter.a.b.clean'])).toContainEqual(['filter.a.b.clean', '']);
  });
});

describe('a repository that reaches out of the roots', () => {
  it.each([
    ['by its top', (top: string) => find(join(top, 'sub'), [join(top, 'sub')])],
    [
      'by core.worktree',
      (top: string) => {
        shell(top, 'config', 'core.worktree', '/');
        return find(top, [top]);
      },
    ],
    [
      'by a .git file',
      (top: string) => {
        const inside = join(top, 'sub');
        writeFileSync(join(inside, '.git'), `gitdir: ${join(top, '.git')}\n`);
        return find(inside, [inside]);
      },
    ],
    [
      'by a .git link',
      (top: string) => {
        const inside = join(top, 'sub');
        symlinkSync(join(top, '.git'), join(inside, '.git'));
        return find(inside, [inside]);
      },
    ],
    [
      'by a git directory that shares another one',
      (top: string) => {
        const inside = join(top, 'sub');
        shell(inside, 'init', '--quiet');
        writeFileSync(join(inside, '.git', 'commondir'), `${join(top, '.git')}\n`);
        return find(inside, [inside]);
      },
    ],
    [
      'by objects that it borrows',
      (top: string) => {
        const inside = join(top, 'sub');
        shell(inside, 'init', '--quiet');
        writeFileSync(join(inside, '.git', 'objects', 'info', 'alternates'), `${join(top, '.git', 'objects')}\n`);
        return find(inside, [inside]);
      },
    ],
    [
      'by objects that it borrows under a quoted name',
      (top: string) => {
        const inside = join(top, 'sub');
        shell(inside, 'init', '--quiet');
        writeFileSync(join(inside, '.git', 'objects', 'info', 'alternates'), `"${join(top, '.git', 'objects')}"\n`);
        return find(inside, [inside]);
      },
    ],
  ])('%s is refused, and nothing of it is read', async (what, attempt) => {
    const { top } = hostile();
    mkdirSync(join(top, 'sub'));
    const parts = ['HEAD', 'config'].map((name) => join(top, '.git', name));
    const unread = new Date('2001-01-01T00:00:00Z');
    for (const part of parts) utimesSync(part, unread, new Date());
    await expect(attempt(top)).rejects.toMatchObject({ code: 'git_outside_roots' });
    // Unless the repository itself is within: only where it leads is outside.
    if (what === 'by core.worktree') return;
    expect(parts.map((part) => statSync(part).atimeMs)).toEqual(parts.map(() => unread.getTime()));
  });

  it.each(['../secret', '/etc/passwd', 'a/../../secret', '.git/config', 'sub/.GIT/config', 'out/secret', ''])(
    'by the path "%s" is refused',
    async (path) => {
      const { top } = hostile();
      writeFileSync(join(base, 'secret'), 'secret');
      symlinkSync(base, join(top, 'out'));
      await expect(placeOf(top, path)).rejects.toMatchObject({ code: 'forbidden' });
      const repository = await find(top);
      const shown = await gitDiff(repository, { path }, signal).catch(() => undefined);
      expect(Buffer.from(shown?.diff?.patch ?? '', 'base64').toString()).not.toContain('secret');
    },
  );

  it('does not make a reader wait at a named pipe', async () => {
    const { top } = hostile();
    execFileSync('mkfifo', [join(top, 'pipe'), join(top, '.git', 'objects', 'info', 'alternates')]);
    await expect(readWorkFile(top, 'pipe')).rejects.toMatchObject({ code: 'forbidden' });
  });
});
