import { spawn, type ChildProcess } from 'node:child_process';
import { pinned } from './cpu.js';
import { profileFlags } from './profile.js';
import { repository } from './repository.js';

/** The requests to a program of ours, each at most one at a time. Arguments and results are sent over IPC. */
export type Handlers = Record<string, (args: never) => unknown>;

interface ProgramCall {
  id: number;
  name: string;
  args: unknown;
}
interface ProgramReply {
  id: number;
  value?: unknown;
  error?: string;
}

/** Answers requests of the parent until the parent ends. */
export function serveParent(handlers: Handlers): void {
  process.on('message', (message: ProgramCall) => {
    const handler = handlers[message.name] as ((args: unknown) => unknown) | undefined;
    void (async () => handler?.(message.args))().then(
      (value) => process.send?.({ id: message.id, value } satisfies ProgramReply),
      (error: unknown) =>
        process.send?.({
          id: message.id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    );
  });
  process.once('disconnect', () => process.exit(0));
  process.once('SIGTERM', () => process.exit(0));
}

export interface Program<H extends Handlers> {
  readonly pid: number;
  call<K extends keyof H & string>(name: K, ...args: Parameters<H[K]>): Promise<Awaited<ReturnType<H[K]>>>;
  stop(): Promise<void>;
}

/** How long a request may take, in ms. */
const ANSWER_TIMEOUT_MS = 120_000;

/** Starts one of `programs/` on the given cores. */
export function startProgram<H extends Handlers>(name: string, cores: string | undefined): Program<H> {
  const path = repository(`tests/bench/dist/programs/${name}.js`);
  const [command, args] = pinned(cores, process.execPath, [...profileFlags(name), path]);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let next = 0;
  child.on('message', ({ id, value, error }: ProgramReply) => {
    const question = open.get(id);
    open.delete(id);
    if (error === undefined) question?.resolve(value as never);
    else question?.reject(new Error(`${name}: ${error}`));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of open.values()) reject(new Error(`${name} ended (${signal ?? code})`));
    open.clear();
  });
  return {
    pid: child.pid!,
    call: (question, ...[args]) =>
      new Promise((resolve, reject) => {
        const id = next++;
        const timer = setTimeout(
          () => settle(() => reject(new Error(`${name}.${question}: no answer`))),
          ANSWER_TIMEOUT_MS,
        );
        const settle = (end: () => void) => {
          clearTimeout(timer);
          open.delete(id);
          end();
        };
        open.set(id, {
          resolve: (value) => settle(() => resolve(value)),
          reject: (error) => settle(() => reject(error)),
        });
        child.send({ id, name: question, args } satisfies ProgramCall);
      }),
    stop: () => stopChild(child),
  };
}

const STOP_MS = 5_000;

/** Sends SIGTERM, and SIGKILL when the process does not end. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
