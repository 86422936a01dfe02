import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GitProgram } from '../gitProgram.js';

/** Real repositories in a folder of their own, with a home that has nothing but an identity. */
export class TestRepositories {
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-git-')));
  readonly env = { ...process.env, HOME: this.base, XDG_CONFIG_HOME: this.base, GIT_CONFIG_NOSYSTEM: '1' };
  private made = 0;

  constructor() {
    writeFileSync(join(this.base, '.gitconfig'), '[user]\nname = Ada\nemail = ada@example.com\n');
    const first = this.pathOf(0);
    mkdirSync(first);
    this.git(first, 'init', '--quiet', '--initial-branch=main');
    for (const text of ['one\n', 'two\n']) {
      writeFileSync(join(first, 'a.txt'), text);
      this.git(first, 'add', '.');
      this.git(first, 'commit', '--quiet', '-m', text.trim());
    }
  }

  /** The git under test. */
  async program(): Promise<GitProgram> {
    const found = await GitProgram.find(this.env);
    if (found === undefined) throw new Error('This machine has no git');
    return found;
  }

  /** A repository with two commits of `a.txt`, on the branch `main`. */
  make(): string {
    const top = this.pathOf(++this.made);
    cpSync(this.pathOf(0), top, { recursive: true });
    return top;
  }

  /** Runs git as a person does in a terminal. */
  git(cwd: string, ...args: string[]): string {
    return execFileSync('git', args, { cwd, env: this.env, stdio: 'pipe' }).toString();
  }

  /** Writes files of a repository, by their paths. */
  write(top: string, files: Record<string, string>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(top, path, '..'), { recursive: true });
      writeFileSync(join(top, path), text);
    }
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true });
  }

  private pathOf(number: number): string {
    return join(this.base, `repository-${number}`);
  }
}
