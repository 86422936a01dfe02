import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeFolder } from './folders.js';
import { checkCwd, isInside, resolveRoots } from './roots.js';

let base: string;
let root: string;

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'pizzapi-roots-')));
  root = join(base, 'root');
  for (const folder of ['alpha', 'alps', 'beta/inner', '.hidden']) await mkdir(join(root, folder), { recursive: true });
  await mkdir(join(base, 'rootless'));
  await writeFile(join(root, 'file'), 'x');
  await symlink(join(base, 'rootless'), join(root, 'way-out'));
  await symlink(join(root, 'beta'), join(root, 'shortcut'));
});

afterAll(() => rm(base, { recursive: true }));

const codeOf = async (cwd: string | undefined) => {
  const checked = await checkCwd(cwd, [root]);
  return checked.kind === 'ok' ? checked.path : checked.error.code;
};

describe('where a session may start', () => {
  it('is the first root when nothing is said, and any folder below a root', async () => {
    expect(await codeOf(undefined)).toBe(root);
    expect(await codeOf(join(root, 'alpha'))).toBe(join(root, 'alpha'));
    expect(await codeOf('beta/inner')).toBe(join(root, 'beta/inner'));
  });

  it('is told by real paths: a link inside stays inside, a link out is out', async () => {
    expect(await codeOf(join(root, 'shortcut'))).toBe(join(root, 'beta'));
    expect(await codeOf(join(root, 'way-out'))).toBe('cwd_outside_roots');
    expect(await codeOf(join(root, '..', 'rootless'))).toBe('cwd_outside_roots');
  });

  it('is refused by name: missing, a file, outside', async () => {
    expect(await codeOf(join(root, 'nowhere'))).toBe('cwd_not_found');
    expect(await codeOf(join(root, 'file'))).toBe('cwd_not_a_folder');
    expect(await codeOf('/')).toBe('cwd_outside_roots');
  });

  it('does not tell what exists outside', async () => {
    expect(await codeOf(join(base, 'nothing-here'))).toBe('cwd_outside_roots');
    expect(await codeOf(join(base, 'rootless'))).toBe('cwd_outside_roots');
  });

  it('does not take a name that only begins like a root for one below it', () => {
    expect(isInside('/home/ann', ['/home/ann'])).toBe(true);
    expect(isInside('/home/anna', ['/home/ann'])).toBe(false);
    expect(isInside('/etc', ['/'])).toBe(true);
  });

  it('has no root that does not exist', async () => {
    await expect(resolveRoots([join(base, 'nowhere')])).rejects.toMatchObject({ code: 'cwd_not_found' });
    expect(await resolveRoots([join(root, 'shortcut'), join(root, 'beta')])).toEqual([join(root, 'beta')]);
  });
});

describe('completing a folder', () => {
  it('lists what is below, without hidden folders and files', async () => {
    const found = await completeFolder(`${root}/`, [root]);
    expect(found).toEqual(['alpha', 'alps', 'beta', 'shortcut', 'way-out'].map((name) => join(root, name)));
    expect(await completeFolder(`${root}/.h`, [root])).toEqual([join(root, '.hidden')]);
  });

  it('completes a name, in either case, and leads to the roots', async () => {
    expect(await completeFolder(`${root}/AL`, [root])).toEqual([join(root, 'alpha'), join(root, 'alps')]);
    expect(await completeFolder(root.slice(0, -2), [root])).toEqual([root]);
    expect(await completeFolder('', [root])).toEqual([root]);
  });

  it('tells nothing of what is outside, also not through a link', async () => {
    expect(await completeFolder(`${base}/rootl`, [root])).toEqual([]);
    expect(await completeFolder(`${root}/way-out/`, [root])).toEqual([]);
  });
});
