import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One request over HTTP, to a path below `/api/runners/<rid>`. */
export interface Attack {
  what: string;
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: object | string;
  /** The codes that refuse it. */
  codes: readonly string[];
}

const rpc = (name: string, what: string, body: object, ...codes: string[]): Attack => ({
  ...{ what: `${name} ${what}`, method: 'POST', path: `/rpc/${name}`, body, codes },
});
const base64 = (text: string) => Buffer.from(text).toString('base64');
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args], { cwd });

/** Makes the folder that nothing may reach, and what leads to it from within the root. Both have one parent. */
export function setTrap(outside: string, project: string): void {
  const repository = join(outside, 'repository');
  mkdirSync(join(outside, 'deep', 'er'), { recursive: true });
  writeFileSync(join(outside, 'secret.txt'), 'needle');
  writeFileSync(join(outside, 'deep', 'er', 'secret.txt'), 'needle');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
  writeFileSync(join(repository, 'secret.txt'), 'needle\n');
  git(repository, 'add', '.');
  git(repository, 'commit', '--quiet', '-m', 'needle');
  symlinkSync(outside, join(project, 'out'));
  symlinkSync(join(outside, 'secret.txt'), join(project, 'out.txt'));
  symlinkSync(repository, join(project, 'out-repository'));
  writeFileSync(join(project, 'mine.txt'), 'mine');
  const within = join(project, 'within');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', within]);
  writeFileSync(join(within, 'a.txt'), 'a\n');
  git(within, 'add', '.');
  git(within, 'commit', '--quiet', '-m', 'a');
  symlinkSync(outside, join(within, 'out'));
  // Repositories within the root whose git directory, work tree or objects are outside.
  mkdirSync(join(project, 'lent'));
  writeFileSync(join(project, 'lent', '.git'), `gitdir: ${join(repository, '.git')}\n`);
  for (const name of ['elsewhere', 'borrowing'])
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', join(project, name)]);
  git(join(project, 'elsewhere'), 'config', 'core.worktree', repository);
  const objects = join(repository, '.git', 'objects');
  writeFileSync(join(project, 'borrowing', '.git', 'objects', 'info', 'alternates'), `${objects}\n`);
}

/** What names something in `outside`, and the codes that refuse it. */
function outsidePaths(outside: string, project: string): [path: string | { base64: string }, codes: string[]][] {
  const name = outside.slice(dirname(outside).length + 1);
  const refused = ['path_outside'];
  return [
    [`../${name}/secret.txt`, refused],
    [join(outside, 'secret.txt'), refused],
    [`${project}/../../${name}/deep/er/secret.txt`, refused],
    ['project/out/secret.txt', refused],
    ['project/out/deep/er/secret.txt', refused],
    ['/proc/self/environ', refused],
    [`/proc/self/root${outside}/secret.txt`, refused],
    ['/dev/zero', refused],
    [{ base64: base64(`../${name}/secret.txt`) }, refused],
    [{ base64: base64(`${project}/out/secret.txt`) }, refused],
    // Names like any others, which nothing here has.
    [`project/%2e%2e/%2e%2e/${name}/secret.txt`, ['file_not_found']],
    ['project/..%2f..%2fetc/passwd', ['file_not_found']],
    // Unicode that some programs take for dots and slashes.
    [`project/\u2025/\u2025/${name}\u2215secret.txt`, ['file_not_found']],
  ];
}

/** The attacks on a host whose root is the folder above `project`. `of`: a session there. */
export function attacksOn(outside: string, project: string, of: { sessionId: string }): Attack[] {
  const within = join(project, 'within');
  const paths = outsidePaths(outside, project);
  /** A new name has no file to be found: only its folder can be missing. */
  const onPaths = paths.flatMap(([path, codes]): Attack[] => {
    const what = JSON.stringify(path);
    const asked = [
      rpc('read_file', what, { path }, ...codes),
      rpc('list_files', what, { path }, ...codes),
      rpc('search_files', what, { path, query: 'needle', in: 'contents' }, ...codes),
      rpc('move_file', what, { path, to: 'project/stolen' }, ...codes),
      rpc('move_file', `to ${what}`, { path: 'project/mine.txt', to: path }, ...codes),
      rpc('write_file', what, { path, content: base64('x') }, ...codes),
      rpc('create_file', what, { path, content: base64('x') }, ...codes),
      rpc('make_folder', what, { path }, ...codes),
      rpc('delete_file', what, { path, recursive: true, permanently: true }, ...codes),
      rpc('upload_begin', what, { path, size: 1, overwrite: true }, ...codes),
    ];
    const query = new URLSearchParams(typeof path === 'string' ? { path } : { base64: path.base64 });
    return [
      ...asked,
      { what: `download ${what}`, method: 'GET', path: `/files?${query.toString()}`, codes: [...codes] },
    ];
  });
  const folders = [outside, `${project}/out`, `${project}/../../${outside.slice(dirname(outside).length + 1)}`, '/'];
  const onFolders = folders.flatMap((cwd) => [
    rpc('exec', `in ${cwd}`, { argv: ['cat', 'secret.txt'], cwd }, 'cwd_outside_roots'),
    rpc('new_terminal', `in ${cwd}`, { cols: 80, rows: 24, cwd }, 'cwd_outside_roots'),
    ...['git_status', 'git_log', 'git_branches', 'git_diff', 'git_stage', 'git_commit'].map((name) =>
      rpc(
        name,
        `in ${cwd}`,
        { cwd, ...(name === 'git_commit' ? { message: 'x', all: true } : {}) },
        'cwd_outside_roots',
      ),
    ),
  ]);
  const repositories = [join(outside, 'repository'), `${project}/out-repository`, `${project}/out/repository`];
  const onRepositories = repositories.flatMap((cwd) => [
    rpc('git_status', `in ${cwd}`, { cwd }, 'cwd_outside_roots'),
    rpc('git_show', `in ${cwd}`, { cwd, rev: 'HEAD', path: 'secret.txt' }, 'cwd_outside_roots'),
    rpc('git_commit', `in ${cwd}`, { cwd, message: 'x', all: true }, 'cwd_outside_roots'),
  ]);
  const aside = ['../../../secret.txt', join(outside, 'secret.txt'), 'a/../../../secret.txt'];
  const ofGit = aside.flatMap((path) => [
    rpc('git_diff', path, { cwd: within, path }, 'forbidden'),
    rpc('git_show', path, { cwd: within, rev: 'HEAD', path }, 'git_failed'),
    rpc('git_discard', path, { cwd: within, files: [{ path }] }, 'forbidden'),
    rpc('session_diff', path, { ...of, path }, 'git_failed'),
    rpc('session_undo', path, { ...of, path, was: '0'.repeat(40), now: '0'.repeat(40) }, 'forbidden'),
  ]);
  const through = [
    rpc('git_diff', 'through a link', { cwd: within, path: 'out/secret.txt' }, 'forbidden'),
    rpc('git_show', 'through a link', { cwd: within, rev: 'HEAD', path: 'out/secret.txt' }, 'git_failed'),
    rpc('git_discard', 'through a link', { cwd: within, files: [{ path: 'out/secret.txt' }] }, 'forbidden'),
    rpc('git_stage', 'outside', { cwd: within, paths: ['../../../secret.txt'] }, 'git_failed'),
    ...['lent', 'elsewhere', 'borrowing'].flatMap((name) => [
      rpc('git_status', `in ${name}`, { cwd: join(project, name) }, 'git_outside_roots'),
      rpc('git_stage', `in ${name}`, { cwd: join(project, name) }, 'git_outside_roots'),
      rpc('git_show', `in ${name}`, { cwd: join(project, name), rev: 'HEAD', path: 'secret.txt' }, 'git_outside_roots'),
    ]),
  ];
  const options = ['--output=../../stolen', '--no-index', '-O/etc/passwd', 'HEAD:../../secret.txt', '--git-dir=/'];
  const ofRevs = options.flatMap((rev) => [
    rpc('git_diff', rev, { cwd: within, from: rev }, 'bad_request'),
    rpc('git_show', rev, { cwd: within, rev }, 'bad_request'),
    rpc('git_log', rev, { cwd: within, rev }, 'bad_request'),
    rpc('git_checkout', rev, { cwd: within, branch: rev }, 'bad_request'),
  ]);
  const unknown = 'upload_aaaaaaaaaaaaaaaaaaaa';
  const others: Attack[] = [
    rpc(
      'upload_write',
      'of an unknown upload',
      { uploadId: unknown, offset: 0, content: base64('x') },
      'upload_unknown',
    ),
    rpc('upload_finish', 'of an unknown upload', { uploadId: unknown }, 'upload_unknown'),
    rpc('upload_finish', 'of a path', { uploadId: '../../secret' }, 'bad_request'),
    rpc('merge_worktree', 'outside', { worktreeId: '../../outside' }, 'bad_request'),
    rpc('remove_worktree', 'outside', { worktreeId: '..', discard: 'x' }, 'bad_request'),
    rpc('remove_worktree', 'unknown', { worktreeId: 'repository', discard: 'x' }, 'worktree_unknown'),
    rpc('read_file', 'with NUL', { path: 'project/mine.txt\0/../../x' }, 'bad_request'),
    rpc('read_file', 'with NUL as bytes', { path: { base64: base64('project/mine.txt\0') } }, 'path_invalid'),
    rpc('watch_terminal', 'of gateways', { terminalId: 'x', gateway: 'g', viewers: [] }, 'method_unknown'),
    rpc('../../sessions', 'as a method', {}, 'not_found'),
    {
      what: 'PUT to an unknown upload',
      method: 'PUT',
      path: `/uploads/${unknown}?offset=0`,
      body: 'x',
      codes: ['upload_unknown'],
    },
    {
      what: 'PUT to a path',
      method: 'PUT',
      path: '/uploads/..%2f..%2fsecret?offset=0',
      body: 'x',
      codes: ['invalid_id'],
    },
    {
      what: 'download of two names',
      method: 'GET',
      path: '/files?path=project%2Fmine.txt&base64=L2V0Yw==',
      codes: ['bad_request'],
    },
  ];
  return [...onPaths, ...onFolders, ...onRepositories, ...ofGit, ...through, ...ofRevs, ...others];
}
