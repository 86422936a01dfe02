import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import type { AnswerOfProgram, PiHost } from '../host.js';

export const NEW_SCOPE = '@earendil-works/pi-coding-agent';
export const OLD_SCOPE = '@mariozechner/pi-coding-agent';
/** The Node of the process on the machine, which is too old for a pi that is not bundled. */
export const OUR_NODE = '20.20.2';

type Answerer = (args: readonly string[], env: NodeJS.ProcessEnv) => AnswerOfProgram;

/** A machine in a temporary folder, with installations of pi as package managers make them. */
export class FakeMachine {
  readonly root: string;
  readonly home: string;
  /** The programs that were run, with their arguments. */
  readonly runs: string[] = [];
  readonly #answers = new Map<string, Answerer>();
  #path: string[] = [];
  env: NodeJS.ProcessEnv;
  /** Answers for programs that have no answer of their own. */
  fallback: (program: string) => AnswerOfProgram | undefined = () => undefined;

  private constructor(root: string) {
    this.root = root;
    this.home = join(root, 'home');
    this.env = { HOME: this.home };
  }

  /** Makes an empty machine whose only Node is that of the process, at `/usr/bin/node` below its root. */
  static async make(): Promise<FakeMachine> {
    const machine = new FakeMachine(await realpath(await mkdtemp(join(tmpdir(), 'pizzapi-pi-'))));
    await mkdir(machine.home);
    await machine.node(machine.at('usr/bin/node'), OUR_NODE);
    return machine;
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }

  at(path: string): string {
    return join(this.root, path);
  }

  /** Sets PATH. A path that begins with `.` or is empty stays as it is. */
  path(...folders: string[]): void {
    this.#path = folders.map((folder) => (folder === '' || folder.startsWith('.') ? folder : this.at(folder)));
    this.env['PATH'] = this.#path.join(':');
  }

  get host(): PiHost {
    return {
      ...{ platform: 'linux', arch: 'x64', home: this.home },
      node: { path: this.at('usr/bin/node'), version: OUR_NODE },
      bundledRoot: this.at('product/node_modules/@mariozechner/pi-coding-agent'),
      run: async (program, args, env) => {
        this.runs.push([program, ...args].join(' '));
        const answer = this.#answers.get(program)?.(args, env) ?? this.fallback(program);
        return answer ?? { kind: 'failed', why: `${basename(program)} is not there` };
      },
    };
  }

  /** Writes an executable file and what it prints when it is run. */
  async program(path: string, content: string | Buffer, answer?: Answerer): Promise<string> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, 0o755);
    if (answer !== undefined) this.#answers.set(path, answer);
    return path;
  }

  /** Writes a Node. `real` is the path that it prints of itself when the program is a shim. */
  node(path: string, version: string, real: string = path): Promise<string> {
    const stdout = `${JSON.stringify({ path: real, node: version })}\n`;
    return this.program(path, '\x7fELF', () => ({ kind: 'answered', stdout }));
  }

  /** Sets what the Node at a path prints of itself, without writing a file. */
  async answer(path: string, about: { path: string; node: string }): Promise<void> {
    this.#answers.set(path, () => ({ kind: 'answered', stdout: `${JSON.stringify(about)}\n` }));
  }

  async link(path: string, target: string): Promise<string> {
    await mkdir(dirname(path), { recursive: true });
    await symlink(relative(dirname(path), target), path);
    return path;
  }

  /** Writes the package of pi in a folder of packages and returns its folder. */
  async piPackage(modules: string, version: string, more: PackageOptions = {}): Promise<string> {
    const { name = version.startsWith('0.') ? OLD_SCOPE : NEW_SCOPE, shebang = '#!/usr/bin/env node' } = more;
    const root = join(modules, name);
    const engines = { node: version.startsWith('0.') ? '>=20.6.0' : '>=22.19.0' };
    await mkdir(join(root, 'dist'), { recursive: true });
    const manifest = { name, version, type: 'module', main: './dist/index.js', bin: { pi: 'dist/cli.js' }, engines };
    await writeFile(join(root, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(root, 'dist/index.js'), 'export {};\n');
    await this.program(join(root, 'dist/cli.js'), `${shebang}\nimport './index.js';\n`);
    return root;
  }

  /** Installs pi as `npm install -g` does below a prefix. Returns the folder of the package. */
  async npm(prefix: string, version: string, more: PackageOptions = {}): Promise<string> {
    const root = await this.piPackage(join(prefix, 'lib/node_modules'), version, more);
    await this.link(join(prefix, 'bin/pi'), join(root, 'dist/cli.js'));
    return root;
  }
}

export interface PackageOptions {
  name?: string;
  shebang?: string;
}
