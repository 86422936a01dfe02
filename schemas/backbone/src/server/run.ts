import { spawn } from 'node:child_process';

/** How a command ended. `output` holds the last `OUTPUT_LIMIT` characters of stdout and stderr together. */
export type RunResult =
  | { kind: 'exited'; code: number; output: string }
  | { kind: 'not_started'; why: string }
  | { kind: 'timed_out'; output: string };

/** Characters kept of a command's output. */
const OUTPUT_LIMIT = 16_384;

export interface RunOptions {
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs a command to its end without standard input. Never throws: how it ended is the answer. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs);
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LIMIT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ kind: 'not_started', why: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(timedOut ? { kind: 'timed_out', output } : { kind: 'exited', code: code ?? 1, output });
    });
  });
}

/** Why a run was not a success, in one line, or null when it was one. */
export function failureOf(command: string, result: RunResult): string | null {
  if (result.kind === 'not_started') return `${command} did not start (${result.why})`;
  const lines = result.output.trim().split('\n');
  // The first error is the reason; what follows it says what became of the rest.
  const said =
    lines.find((line) => /^(E:|error|fatal)/i.test(line)) ?? lines.findLast((line) => /: /.test(line)) ?? lines.at(-1);
  if (result.kind === 'timed_out') return `${command} took too long and was stopped (${said})`;
  return result.code === 0 ? null : `${command} failed with exit code ${result.code} (${said})`;
}
