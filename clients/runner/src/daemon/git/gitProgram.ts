import { spawn } from 'node:child_process';
import { Semaphore } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { signalProcess } from '../../processes.js';
import { configFor, findGit, gitEnvironment, MAX_OVERRIDES, type GitMode } from './gitEnvironment.js';
import { gitError } from './gitErrors.js';

/** How long one call of git may take, in ms. A request ends before it. */
const CALL_MS = 60_000;
/** How much one call may print where its caller needs it whole, in bytes. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_BYTES = 16 * 1024;
/** Calls of git that run at once. */
const MAX_RUNNING = 8;

export interface GitCall {
  args: readonly string[];
  cwd: string;
  mode: GitMode;
  signal?: AbortSignal | undefined;
  stdin?: Buffer | string | undefined;
  /** Variables that are added: where the repository is. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Keys of the configuration whose programs are overridden. */
  keys?: readonly string[] | undefined;
  /** Exit codes that are an answer. Default: 0. */
  codes?: readonly number[] | undefined;
  /** Gets the output as it comes; false ends the call. Then `stdout` is empty. */
  onData?: ((bytes: Buffer) => boolean) | undefined;
}

export interface GitOutput {
  code: number;
  stdout: Buffer;
  stderr: string;
  /** `onData` has ended it, or it printed too much. */
  isCut: boolean;
}

/** The git of the host. Starts it without a shell, bounded in number, time and output, and ends it with its caller. */
export class GitProgram {
  private readonly running = new Semaphore(MAX_RUNNING);

  private constructor(
    private readonly program: string,
    private readonly env: NodeJS.ProcessEnv,
    /** As `git version` says. */
    readonly version: string,
  ) {}

  /** Returns the git of the host, or undefined when it has none that can be used. */
  static async find(env: NodeJS.ProcessEnv): Promise<GitProgram | undefined> {
    const program = findGit(env);
    if (program === undefined) return undefined;
    try {
      const { stdout } = await new GitProgram(program, env, '').run({ args: ['version'], cwd: '/', mode: 'read' });
      const version = /(\d+)\.(\d+)\S*/.exec(stdout.toString());
      if (version === null) return undefined;
      const [text, major, minor] = version;
      const isRecent = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 31);
      return isRecent ? new GitProgram(program, env, text) : undefined;
    } catch (error) {
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }

  /** Runs git. Throws a coded error when it fails, takes too long or prints too much. */
  async run(call: GitCall): Promise<GitOutput> {
    const config = configFor(call.mode, call.keys ?? []);
    if (config.length > MAX_OVERRIDES)
      throw new CodedError('git_failed', 'The configuration of the repository names too many programs');
    const output = await this.running.run(() => this.spawn(call, gitEnvironment(this.env, call.mode, config)));
    if (output.isCut && call.onData === undefined)
      throw new CodedError('git_failed', `git ${call.args[0] ?? ''} printed more than ${MAX_OUTPUT_BYTES} bytes`);
    if (!output.isCut && !(call.codes ?? [0]).includes(output.code)) throw gitError(call, output);
    return output;
  }

  private async spawn(call: GitCall, env: NodeJS.ProcessEnv): Promise<GitOutput> {
    const { args, cwd, signal, stdin } = call;
    signal?.throwIfAborted();
    const child = spawn(this.program, ['--no-pager', ...args], {
      ...{ cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
      env: { ...env, ...call.env },
    });
    let isCut = false;
    let isLate = false;
    // With what it has started: a filter or a hook may hold its output open.
    const kill = () => void (child.pid === undefined ? child.kill('SIGKILL') : signalProcess(-child.pid, 'SIGKILL'));
    const cut = () => {
      isCut = true;
      kill();
    };
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, CALL_MS);
    signal?.addEventListener('abort', kill);
    try {
      const out = collect(MAX_OUTPUT_BYTES, cut);
      const errors = collect(MAX_ERROR_BYTES, () => undefined);
      child.stdout.on('data', (bytes: Buffer) => {
        if (isCut) return;
        if (call.onData === undefined) out.take(bytes);
        else if (!call.onData(bytes)) cut();
      });
      child.stderr.on('data', (bytes: Buffer) => errors.take(bytes));
      // git need not read its input.
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin ?? '');
      const code = await new Promise<number>((resolve, reject) => {
        child.once('error', (cause) =>
          reject(new CodedError('git_failed', `git did not start (${(cause as NodeJS.ErrnoException).code ?? ''})`)),
        );
        child.once('close', (exit) => resolve(exit ?? 128));
      });
      if (signal?.aborted === true) throw new CodedError('rpc_cancelled', 'git was ended');
      if (isLate) throw new CodedError('rpc_timeout', `git ${args[0] ?? ''} took longer than ${CALL_MS / 1_000} s`);
      return { code, stdout: out.all(), stderr: errors.all().toString('utf8'), isCut };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    }
  }
}

/** Collects output up to a number of bytes. */
function collect(max: number, onFull: () => void): { take: (bytes: Buffer) => void; all: () => Buffer } {
  const parts: Buffer[] = [];
  let size = 0;
  return {
    take: (bytes) => {
      if (size + bytes.byteLength > max) {
        onFull();
        return;
      }
      size += bytes.byteLength;
      parts.push(bytes);
    },
    all: () => Buffer.concat(parts),
  };
}
