import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readOnlyCommand, readOnlyEnv } from '../human/readOnlyRun.js';
import { changedPaths, repair, snapshot, type FolderSnapshot } from './folderSnapshot.js';

/** How long a script may take before it is killed, in ms. */
const SCRIPT_MS = 60_000;
const SYSTEM_PATH = process.env['PATH'] ?? '';
/** Names under which a program is planted where a search for it could find it. */
const PLANTED = 'ls cat grep find sort git rg fdfind tree jq uname touch';

/** What a script did to its folder and home, and whether it ran something planted or connected. */
export interface Harm {
  changed: string[];
  ran: string;
  connections: number;
  output: string;
}

/** What a shell is given to run a script, and its environment. */
export type Way = (script: string, cwd: string, evil: string) => { line: string; env: NodeJS.ProcessEnv };

const homeOf = (cwd: string) => join(dirname(cwd), 'home');

/** As the agent's bash runs a script by default. */
export const plainly: Way = (script, cwd) => ({
  line: script,
  env: { HOME: homeOf(cwd), PATH: SYSTEM_PATH, SHELL: '/bin/bash' },
});

/** As what only reads is run, in a sandbox or not, out of an environment that would have it do harm. */
export const guarded =
  (sandboxFor: (cwd: string) => string[] = () => []): Way =>
  (script, cwd, evil) => {
    const env = {
      HOME: homeOf(cwd),
      PATH: [`${cwd}/node_modules/.bin`, `${cwd}/shims`, '', '.', cwd, SYSTEM_PATH].join(':'),
      ...{ BASH_ENV: './evil.sh', ENV: './evil.sh', CDPATH: '/', RIPGREP_CONFIG_PATH: '.rgrc', PS4: '$(touch out)' },
      ...{ GIT_EXTERNAL_DIFF: evil, GIT_PAGER: evil, GIT_TRACE: join(cwd, 'out'), GIT_SSH: evil },
      ...{ 'BASH_FUNC_ls%%': '() { touch out; }', 'BASH_FUNC_exec%%': '() { touch out; }', SHELLOPTS: 'xtrace' },
    };
    return { line: readOnlyCommand(script, '/bin/bash', sandboxFor(cwd)), env: readOnlyEnv(env, cwd) };
  };

/**
 * A folder full of traps: a repository whose configuration runs a program wherever git lets it, another one embedded as
 * plain files, settings of other tools, files whose names look like options, and programs under known names.
 */
export class Traps {
  private readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-traps-')));
  private readonly evil = join(this.root, 'evil-program');
  private readonly template = join(this.root, 'template');
  private readonly seen = new Map<string, FolderSnapshot>();
  /** A copy that no script runs in, which repairs compare with. */
  private pristine: { place: string; state: FolderSnapshot } | undefined;
  /** The copy for scripts that do harm, equal to the pristine one. */
  private repaired: string | undefined;
  private shared: string | undefined;
  private count = 0;
  private connections = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.connections++;
      socket.on('error', () => undefined);
      socket.destroy();
    });
    this.plant();
  }

  static async build(): Promise<Traps> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Traps(server);
  }

  async clear(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.root, { recursive: true, force: true });
  }

  /**
   * Runs a script in an unchanged copy of the folder, as the agent's bash runs it by default. Repairs the copy afterwards,
   * because a new copy takes longer than most scripts, and makes a new one where the repair is not exact.
   */
  async runPlainly(script: string): Promise<Harm> {
    const { place: original, state } = this.pristineCopy();
    const place = this.repaired ?? this.copy();
    this.repaired = undefined;
    this.seen.set(place, state);
    const harm = await this.runIn(place, script, plainly);
    if (repair(place, original, state, harm.changed)) this.repaired = place;
    else rmSync(place, { recursive: true, force: true });
    return harm;
  }

  /** Runs a script that is to do no harm in the one copy that all of those share, as `how` has it. */
  async runHarmless(script: string, how: Way): Promise<Harm> {
    this.shared ??= this.copy();
    const harm = await this.runIn(this.shared, script, how);
    if (harm.changed.length > 0) this.shared = undefined;
    return harm;
  }

  /** The copies made from now on have one more git setting. */
  withSetting(key: string, value: string): void {
    this.git(this.template, 'config', key, value);
    this.discardCopies();
  }

  withoutSetting(key: string): void {
    this.git(this.template, 'config', '--unset', key);
    this.discardCopies();
  }

  private discardCopies(): void {
    this.shared = undefined;
    this.repaired = undefined;
    this.pristine = undefined;
  }

  private pristineCopy(): { place: string; state: FolderSnapshot } {
    if (this.pristine === undefined) {
      const place = this.copy();
      this.pristine = { place, state: snapshot(place) };
    }
    return this.pristine;
  }

  private copy(): string {
    const place = join(this.root, `copy-${++this.count}`);
    mkdirSync(place);
    execFileSync('cp', ['-a', this.template, join(place, 'work')]);
    execFileSync('cp', ['-a', join(this.root, 'home'), join(place, 'home')]);
    return place;
  }

  private async runIn(place: string, script: string, how: Way): Promise<Harm> {
    const marks = join(this.root, `marks-${++this.count}`);
    const cwd = join(place, 'work');
    writeFileSync(marks, '');
    this.connections = 0;
    const port = String((this.server.address() as AddressInfo).port);
    const { line, env } = how(script.replaceAll('{DIR}', cwd).replaceAll('{PORT}', port), cwd, this.evil);
    const before = this.seen.get(place) ?? snapshot(place);
    const output = await bash(line, cwd, { ...env, TRAP_MARKS: marks });
    await this.seeConnections();
    const after = snapshot(place);
    this.seen.set(place, after);
    return {
      changed: changedPaths(before, after),
      ran: readFileSync(marks, 'utf8'),
      connections: this.connections,
      output,
    };
  }

  /** Connections are accepted in order: when one of our own is, all before it are. */
  private async seeConnections(): Promise<void> {
    const seen = new Promise((resolve) => this.server.once('connection', resolve));
    connect((this.server.address() as AddressInfo).port, '127.0.0.1').resume();
    await seen;
    this.connections--;
  }

  private plant(): void {
    const marking = `#!/bin/sh\necho "$0 $*" >> "\${TRAP_MARKS:-trapped}"\n[ "$1" = remote ] && exit 1\n`;
    this.program(this.evil, `${marking}[ -f "$1" ] && exec /bin/cat "$1"\nexec /bin/cat\n`);
    mkdirSync(join(this.root, 'home'));
    writeFileSync(
      join(this.root, 'home', '.gitconfig'),
      '[user]\n\tname = Ann\n\temail = ann@example.test\n[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n',
    );
    const file = (path: string, text = '') => {
      mkdirSync(dirname(join(this.template, path)), { recursive: true });
      writeFileSync(join(this.template, path), text);
    };
    const program = (path: string) => {
      file(path);
      this.program(join(this.template, path), `${marking}exec /bin/cat\n`);
    };
    for (const name of PLANTED.split(' ')) {
      for (const folder of ['node_modules/.bin', 'shims']) program(`${folder}/${name}`);
    }
    for (const path of ['evil', 'git-evil', 'ls', '0/uname', '3/uname', 'opts-printf/1/uname']) program(path);
    file('notes.txt', 'dough\nwater, salt\nyeast\n');
    file('big.txt', Array.from({ length: 1_000 }, (_, index) => `line ${(index * 7_919) % 1_000}`).join('\n'));
    file('names', 'out\n');
    file('evil.sh', 'touch out\n');
    file('evil.js', 'require("fs").writeFileSync("out", "")\n');
    file('script.sed', 'w out\n');
    file('prog.awk', 'BEGIN { print > "out" }\n');
    file('magic', '0 string x y\n');
    for (const name of ['a', 'b']) file(`src/${name}.ts`, `export const ${name} = 1; // dough\n`);
    file('sub/x', 'dough\n');
    file('package.json', JSON.stringify({ name: 'x', scripts: { test: 'touch out' }, volta: { node: '1.0.0' } }));
    file('Makefile', 'X := $(shell touch out)\nall:\n\ttouch out\n');
    file('rust-toolchain.toml', '[toolchain]\npath = "shims"\n');
    file('.tool-versions', 'jq path:./shims\n');
    file('.python-version', 'evil\n');
    file('.rgrc', '--pre=./evil\n');
    file('--output=x', 'x\n');
    file('opts-find/-delete');
    file('opts-sort/-oout');
    file('opts-sort/a', 'a\n');
    file('opts-uniq/a', 'a\n');
    file('opts-uniq/b', 'b\n');
    file('opts-git/--output=out');
    file('opts-printf/x%n');
    file('dir', 'x\n');
    file('dir -oout/f', 'x\n');
    file('dir -oout/out/here');
    this.repository();
  }

  private program(path: string, text: string): void {
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }

  private git(cwd: string, ...args: string[]): string {
    const env = { HOME: join(this.root, 'home'), PATH: SYSTEM_PATH, TRAP_MARKS: '/dev/null' };
    return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  }

  private repository(): void {
    const dir = this.template;
    const git = (...args: string[]) => this.git(dir, ...args);
    const settings: [string, string][] = [
      ...['core.fsmonitor', 'core.pager', 'core.sshCommand', 'core.askPass', 'core.editor', 'diff.external'].map(
        (key): [string, string] => [key, this.evil],
      ),
      ...['gpg.program', 'gpg.ssh.program', 'diff.evil.textconv', 'diff.evil.command', 'merge.evil.driver'].map(
        (key): [string, string] => [key, this.evil],
      ),
      ...['filter.evil.clean', 'filter.evil.smudge', 'interactive.diffFilter'].map((key): [string, string] => [
        key,
        this.evil,
      ]),
      ...[
        ['filter.evil.required', 'true'],
        ['alias.evil-alias', `!${this.evil}`],
        ['log.showSignature', 'true'],
        ['log.diffMerges', 'remerge'],
        ['stash.showPatch', 'true'],
        ['diff.submodule', 'log'],
        ['diff.ignoreSubmodules', 'none'],
        ['status.submoduleSummary', 'true'],
        ['submodule.recurse', 'true'],
        ['protocol.ext.allow', 'always'],
        ['column.ui', 'always'],
        ['core.repositoryFormatVersion', '1'],
        ['extensions.partialClone', 'origin'],
        ['remote.origin.promisor', 'true'],
        ['remote.origin.url', `ext::${this.evil} remote`],
      ].map(([key, value]): [string, string] => [key!, value!]),
    ];
    // Two repositories within: one that is a module, and one that lies there as plain files.
    this.git(this.root, 'init', '-q', '--template=', join(dir, 'mod'));
    writeFileSync(join(dir, 'mod', 'm.txt'), 'dough\n');
    this.git(join(dir, 'mod'), 'add', '.');
    this.git(join(dir, 'mod'), 'commit', '-qm', 'Begin');
    const bare = join(dir, 'sub', 'evil.git');
    this.git(this.root, 'init', '-q', '--template=', '--bare', bare);
    for (const [key, value] of [
      ['core.bare', 'false'],
      ['core.worktree', '..'],
      ['core.fsmonitor', this.evil],
    ] as const) {
      this.git(this.root, `--git-dir=${bare}`, 'config', key, value);
    }
    git('init', '-q', '--template=');
    writeFileSync(join(dir, 'gone.txt'), 'this object will be missing\n');
    git('add', '-f', 'notes.txt', 'src', 'package.json', 'mod', 'gone.txt');
    git('commit', '-qm', 'Begin');
    git('tag', 'v1');
    git('branch', 'other');
    const blob = git('rev-parse', 'HEAD:gone.txt');
    git('rm', '-q', 'gone.txt');
    writeFileSync(join(dir, 'notes.txt'), 'dough\nwater\nyeast\n');
    git('commit', '-qam', 'Less salt');
    git('checkout', '-q', 'other');
    writeFileSync(join(dir, 'notes.txt'), 'dough\nwater, salt\nold yeast\n');
    git('commit', '-qam', 'Old yeast');
    git('checkout', '-q', 'main');
    git('merge', '-q', '-s', 'ours', '-m', 'Merge', 'other');
    writeFileSync(join(dir, 'src/a.ts'), 'export const a = 2;\n');
    git('stash', '-q');
    this.sign();
    writeFileSync(join(dir, '.gitattributes'), '*.txt diff=evil filter=evil merge=evil\n*.ts diff=evil filter=evil\n');
    writeFileSync(join(dir, '.gitmodules'), '[submodule "mod"]\n\tpath = mod\n\turl = ./mod\n\tignore = none\n');
    writeFileSync(join(dir, 'notes.txt'), 'dough\nwater, salt\nyeast\nsugar\n');
    writeFileSync(join(dir, 'mod', 'm.txt'), 'other dough\n');
    for (const repository of [join(dir, '.git'), join(dir, 'mod', '.git'), bare]) {
      mkdirSync(join(repository, 'hooks'));
      for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'fsmonitor-watchman']) {
        cpSync(this.evil, join(repository, 'hooks', hook));
      }
    }
    for (const [key, value] of settings) {
      git('config', key, value);
      this.git(join(dir, 'mod'), 'config', key, value);
    }
    rmSync(join(dir, '.git', 'objects', blob.slice(0, 2), blob.slice(2)));
  }

  /** Gives the last commit a signature: who shows it has it checked. */
  private sign(): void {
    const [head, text = ''] = this.git(this.template, 'cat-file', 'commit', 'HEAD').split(/\n\n(.*)/s);
    const signature = ' -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----';
    writeFileSync(join(this.root, 'commit'), `${head}\ngpgsig${signature}\n\n${text}\n`);
    const commit = this.git(this.template, 'hash-object', '-t', 'commit', '-w', join(this.root, 'commit'));
    this.git(this.template, 'update-ref', 'HEAD', commit);
  }
}

function bash(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('/bin/bash', ['--noprofile', '--norc', '-c', line], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), SCRIPT_MS);
    child.on('close', () => {
      clearTimeout(timer);
      resolve(output);
    });
  });
}

/** Whether a program is there to be run. */
export const hasProgram = (name: string): boolean =>
  SYSTEM_PATH.split(':').some((folder) => folder !== '' && existsSync(join(folder, name)));
