import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CodedError,
  EXEC_ABANDONED_MS,
  EXEC_OUTPUT_BYTES,
  EXEC_TIMEOUT_MS,
  newId,
  type EXEC_ENDS,
  type ExecChunk,
  type MethodRequest,
} from '@pizzapi/protocol';
import { sweepSession } from '../../processes.js';
import { withoutSecrets } from '../../workerEnvironment.js';
import { RunningCommand } from './runningCommand.js';

/** Commands of people that run on a host at once. */
export const MAX_COMMANDS = 32;
/** Commands that are kept at once, also those that have ended: a caller may ask again for the last of their output. */
const MAX_KEPT = 128;
/** How long a request waits when it does not say, in ms. */
const WAIT_MS = 10_000;
/** How long input waits for a command that does not read, in ms: shorter than the time of the request. */
const INPUT_WAIT_MS = 20_000;
const SHELL = '/bin/sh';

export interface CommandRunnerDeps {
  /** The environment of the daemon. Commands get it without secrets. */
  env: NodeJS.ProcessEnv;
  /** Remembers which commands run, for the daemon after this one. */
  folder: string;
  abandonedMs?: number;
  inputWaitMs?: number;
}

interface Kept {
  command: RunningCommand;
  userId: string;
  /** Requests that wait for it now. */
  asking: number;
  timer: NodeJS.Timeout | undefined;
}

/** The commands that people run on a host. Ends those for which no request comes any more. */
export class CommandRunner {
  private readonly kept = new Map<string, Kept>();
  private starting = 0;

  constructor(private readonly deps: CommandRunnerDeps) {}

  /** Ends what the commands of a daemon that died have left behind. */
  async recover(): Promise<void> {
    const { folder } = this.deps;
    const ids = await readdir(folder).catch(() => []);
    await Promise.all(
      ids.map(async (id) => {
        await sweepSession(id);
        await rm(join(folder, id), { force: true });
      }),
    );
  }

  /** Starts a command and answers as much as comes in time. The caller has checked the folder. */
  async start(
    request: MethodRequest<'exec'>,
    { cwd, userId, signal }: { cwd: string; userId: string; signal: AbortSignal },
  ): Promise<ExecChunk> {
    const full = this.makeRoom();
    this.starting++;
    const id = newId('exec');
    try {
      await full;
      await mkdir(this.deps.folder, { recursive: true, mode: 0o700 });
      await writeFile(join(this.deps.folder, id), '', { mode: 0o600 });
      const command = await RunningCommand.start({
        ...{ id, cwd, argv: argvOf(request) },
        env: { ...withoutSecrets(this.deps.env), ...request.env },
        timeoutMs: request.timeoutMs ?? EXEC_TIMEOUT_MS,
        maxOutputBytes: request.maxOutputBytes ?? EXEC_OUTPUT_BYTES,
      });
      this.kept.set(id, { command, userId, asking: 0, timer: undefined });
      // What it left running in the background is not swept by the next daemon either.
      void command.over.then(() => this.forgetFile(id));
    } catch (error) {
      await this.forget(id);
      throw error;
    } finally {
      this.starting--;
    }
    // The caller that leaves before it knows the command cannot end it later.
    const onLeft = () => void this.end(id, 'killed');
    if (signal.aborted) onLeft();
    signal.addEventListener('abort', onLeft);
    try {
      return await this.asking(id, userId, async ({ command }) => {
        const { stdin = '', keepStdin = false, waitMs = WAIT_MS } = request;
        await command.write(0, Buffer.from(stdin, 'base64'), !keepStdin, 0, signal);
        return command.read(0, waitMs, signal, true);
      });
    } finally {
      signal.removeEventListener('abort', onLeft);
    }
  }

  read({ execId, after, waitMs = WAIT_MS }: MethodRequest<'exec_output'>, userId: string, signal: AbortSignal) {
    return this.asking(execId, userId, ({ command }) => command.read(after, waitMs, signal));
  }

  async write(
    { execId, offset, bytes, end = false }: MethodRequest<'exec_input'>,
    userId: string,
    signal: AbortSignal,
  ) {
    const { inputWaitMs = INPUT_WAIT_MS } = this.deps;
    return this.asking(execId, userId, async ({ command }) => ({
      received: await command.write(offset, Buffer.from(bytes, 'base64'), end, inputWaitMs, signal),
    }));
  }

  /** With a signal only sends it. Else ends the command with all that it started. */
  async kill({ execId, signal }: MethodRequest<'exec_kill'>, userId: string): Promise<void> {
    const { command } = this.find(execId, userId);
    if (signal !== undefined) command.signal(signal);
    else await this.asking(execId, userId, () => command.end('killed'));
  }

  /** Ends all commands. */
  async stop(): Promise<void> {
    await Promise.all([...this.kept.keys()].map((id) => this.finish(id, 'killed')));
  }

  /** Forgets the command that ended first when too many are kept. Throws `rpc_busy` when too many run. */
  private makeRoom(): Promise<void> {
    const all = [...this.kept];
    const running = all.filter(([, { command }]) => !command.hasEnded).length;
    if (running + this.starting >= MAX_COMMANDS) throw new CodedError('rpc_busy', `The host runs ${running} commands`);
    const [oldest] = all.find(([, { command, asking }]) => command.hasEnded && asking === 0) ?? [];
    if (this.kept.size + this.starting >= MAX_KEPT && oldest !== undefined) return this.forget(oldest);
    return Promise.resolve();
  }

  private find(id: string, userId: string): Kept {
    const kept = this.kept.get(id);
    if (kept === undefined || kept.userId !== userId) throw new CodedError('exec_unknown', `There is no command ${id}`);
    return kept;
  }

  private async asking<T>(id: string, userId: string, work: (kept: Kept) => Promise<T>): Promise<T> {
    const kept = this.find(id, userId);
    kept.asking++;
    clearTimeout(kept.timer);
    try {
      return await work(kept);
    } finally {
      kept.asking--;
      if (kept.asking === 0)
        kept.timer = setTimeout(() => void this.finish(id, 'abandoned'), this.deps.abandonedMs ?? EXEC_ABANDONED_MS);
    }
  }

  /** Ends and forgets a command. One that has ended keeps what it left running in the background, as in a shell. */
  private async finish(id: string, why: (typeof EXEC_ENDS)[number]): Promise<void> {
    if (this.kept.get(id)?.command.hasEnded !== true) await this.end(id, why);
    await this.forget(id);
  }

  private async end(id: string, why: (typeof EXEC_ENDS)[number]): Promise<void> {
    await this.kept.get(id)?.command.end(why);
  }

  private async forget(id: string): Promise<void> {
    clearTimeout(this.kept.get(id)?.timer);
    this.kept.delete(id);
    await this.forgetFile(id);
  }

  private forgetFile(id: string): Promise<void> {
    return rm(join(this.deps.folder, id), { force: true });
  }
}

function argvOf({ argv, shell = false }: MethodRequest<'exec'>): [string, ...string[]] {
  const [program = '', ...args] = argv;
  if (program === '') throw new CodedError('bad_request', 'The program has no name');
  return shell ? [SHELL, '-c', program, SHELL, ...args] : [program, ...args];
}
