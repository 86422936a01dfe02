import { basename, dirname, isAbsolute, join } from 'node:path';
import { isFile, readHead, realPath } from './files.js';
import { findPiFolder, type PiFolder } from './piPackage.js';
import { programsOnPath } from './searchPath.js';
import { readWrapper, type Wrapper } from './shellWrapper.js';
import {
  askManager,
  findAsdfProgram,
  findManagedPi,
  findVoltaPi,
  managerOf,
  type PiSearchContext,
  type ShimOutcome,
} from './versionManagers.js';

/** What a program named `pi` is. */
export type ProgramOutcome =
  | {
      kind: 'pi';
      pi: PiFolder;
      /** The Nodes that a wrapper starts it with. They may be missing. */
      wrapperNodes: string[];
      /** The Nodes in the folders of the programs that were followed, as version managers lay them out. They may be missing. */
      nodesBeside: string[];
    }
  /** A pi, or a shim that may start one, which sessions cannot use. */
  | { kind: 'unusable'; why: string; todo: string }
  /** Another program with this name. */
  | { kind: 'other' };

/** The most wrappers that start each other. */
const MAX_STEPS = 8;
/** The most bytes of a wrapper that are read. A compiled wrapper of Nix has less than 100 KiB. */
const WRAPPER_BYTES = 1024 * 1024;
/** A script with more bytes is no wrapper. */
const SCRIPT_BYTES = 64 * 1024;
/** A program with a JavaScript engine inside is larger. */
const SMALLEST_ENGINE_BYTES = 20 * 1024 * 1024;
/** Nix keeps the command that made a compiled wrapper in it, as a text. */
const NIX_COMMAND = 'makeCWrapper ';
const NIX_COMMAND_BYTES = 16 * 1024;
const NODES = new Set(['node', 'nodejs', 'bun']);

export const INSTALL_PI = 'Install the npm package: npm install -g --ignore-scripts @earendil-works/pi-coding-agent';

/** Finds the package of pi that a program starts. Reads wrappers and shims, and runs nothing but a version manager. */
export async function resolveProgram(path: string, context: PiSearchContext): Promise<ProgramOutcome> {
  return new ProgramResolver(context).follow(path);
}

class ProgramResolver {
  readonly #context: PiSearchContext;
  readonly #visited = new Set<string>();
  readonly #wrapperNodes: string[] = [];
  readonly #nodesBeside: string[] = [];

  constructor(context: PiSearchContext) {
    this.#context = context;
  }

  async follow(path: string): Promise<ProgramOutcome> {
    const real = await realPath(path);
    if (real === undefined || !(await isFile(real))) return { kind: 'other' };
    if (this.#visited.has(real) || this.#visited.size >= MAX_STEPS) return { kind: 'other' };
    this.#visited.add(real);
    this.#nodesBeside.push(join(dirname(path), 'node'), join(dirname(real), 'node'));
    const manager = managerOf(real);
    if (manager !== undefined) {
      const program = basename(real).endsWith('-shim') ? join(dirname(real), manager) : real;
      return this.#shimOf(manager, program, path);
    }
    const folder = await findPiFolder(real);
    if (folder.kind === 'pi') return this.#found(folder.pi);
    if (folder.kind === 'no_modules') return singleProgram(folder.version);
    return this.#read(path, real);
  }

  #found(pi: PiFolder): ProgramOutcome {
    return { kind: 'pi', pi, wrapperNodes: this.#wrapperNodes, nodesBeside: this.#nodesBeside };
  }

  /** Follows the content of a file that is in no package. */
  async #read(path: string, real: string): Promise<ProgramOutcome> {
    const head = await readHead(real, WRAPPER_BYTES);
    if (head === undefined) return { kind: 'other' };
    const { bytes, size } = head;
    const isScript = bytes.subarray(0, 2).toString('latin1') === '#!';
    if (!isScript) {
      const command = nixCommand(bytes);
      if (command !== undefined) return this.#commands(path, this.#wrapperOf(command, path));
      const isPi = [path, real].some((file) => /^\.?pi\b/.test(basename(file)));
      return isPi && isCompiled(bytes) && size >= SMALLEST_ENGINE_BYTES ? singleProgram() : { kind: 'other' };
    }
    if (size > SCRIPT_BYTES) return { kind: 'other' };
    const wrapper = this.#wrapperOf(bytes.toString('utf8'), path);
    const managed = (await findManagedPi(real)) ?? (await findManagedPi(path));
    const outcome = await this.#commands(path, wrapper);
    return managed !== undefined && outcome.kind !== 'pi' ? this.#found(managed) : outcome;
  }

  #wrapperOf(script: string, program: string): Wrapper {
    const { env, host } = this.#context;
    return readWrapper(script, { program, env, home: host.home });
  }

  async #commands(path: string, { commands, pathFolders, comments }: Wrapper): Promise<ProgramOutcome> {
    for (const words of commands) {
      const manager = managerOf(words[0]!);
      if (manager !== undefined && ['exec', 'x', 'run'].includes(words[1] ?? '')) {
        const program = manager === 'asdf' ? await findAsdfProgram(path, comments) : undefined;
        if (program !== undefined) return this.follow(program);
        return this.#shimOf(manager, await this.#managerProgram(words[0]!, path), path);
      }
    }
    this.#wrapperNodes.push(...commands.flatMap(namedPrograms).filter(isNode));
    this.#wrapperNodes.push(...pathFolders.map((folder) => join(folder, 'node')));
    for (const target of commands.flatMap(targetsOf)) {
      const outcome = await this.follow(target);
      if (outcome.kind !== 'other') return outcome;
    }
    return { kind: 'other' };
  }

  /** A version manager that a shim names without its folder is searched beside the shim, and then on PATH. */
  async #managerProgram(named: string, shim: string): Promise<string | undefined> {
    if (isAbsolute(named)) return named;
    const beside = join(dirname(dirname(shim)), 'bin', named);
    if (await isFile(beside)) return beside;
    return (await programsOnPath(basename(named), this.#context.env))[0];
  }

  async #shimOf(manager: string, program: string | undefined, shim: string): Promise<ProgramOutcome> {
    const inVolta = manager === 'volta' ? await findVoltaPi(shim, this.#context) : undefined;
    if (inVolta !== undefined) {
      if (inVolta.node !== undefined) this.#wrapperNodes.push(inVolta.node);
      return this.#found(inVolta.pi);
    }
    const answer: ShimOutcome =
      program === undefined
        ? { kind: 'unknown', why: `there is no ${manager} on PATH` }
        : await askManager(program, shim, this.#context);
    if (answer.kind === 'program') return this.follow(answer.path);
    return {
      kind: 'unusable',
      why: `it is a shim of ${manager}, and \`${manager} which ${basename(shim)}\` failed (${answer.why})`,
      todo: 'Set PIZZAPI_PI to the folder of the package of pi, or to `bundled`.',
    };
  }
}

function singleProgram(version?: string): ProgramOutcome {
  const name = version === undefined ? 'it' : `pi ${version}`;
  return {
    kind: 'unusable',
    why: `${name} is a single program, and sessions need the modules of the npm package`,
    todo: `${INSTALL_PI}.`,
  };
}

function isNode(program: string): boolean {
  return isAbsolute(program) && ['node', 'nodejs'].includes(basename(program));
}

/** Returns the program of a command. The command of Nix names it behind its own name, and its arguments as flags. */
function namedPrograms(words: readonly string[]): string[] {
  if (words[0] !== 'makeCWrapper') return words.slice(0, 1);
  return words.slice(1).flatMap((word) => word.split(/\s+/));
}

/** Returns the files that a command may start: its program, and the script that it gives to Node. */
function targetsOf(words: readonly string[]): string[] {
  const [program = '', ...args] = words;
  const script = NODES.has(basename(program)) ? args.filter((word) => !word.startsWith('-')).slice(0, 1) : [];
  return [...namedPrograms(words), ...script].filter((word) => isTarget(word) && !NODES.has(basename(word)));
}

function isTarget(word: string): boolean {
  return isAbsolute(word) && !word.includes('$') && !word.includes('\0');
}

/** Returns the command in a compiled wrapper of Nix, undefined for another file. */
function nixCommand(bytes: Buffer): string | undefined {
  const at = bytes.indexOf(NIX_COMMAND);
  if (at < 0) return undefined;
  const end = bytes.indexOf(0, at);
  return bytes.subarray(at, Math.min(end < 0 ? bytes.length : end, at + NIX_COMMAND_BYTES)).toString('utf8');
}

/** Returns whether a file is a compiled program of Linux (ELF) or macOS (Mach-O, also for several processors). */
function isCompiled(bytes: Buffer): boolean {
  if (bytes.length < 4) return false;
  const magic = bytes.readUInt32BE(0);
  return [0x7f454c46, 0xcffaedfe, 0xcefaedfe, 0xcafebabe].includes(magic);
}
