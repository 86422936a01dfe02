import { spawn } from 'node:child_process';

/** The result of a command. `output` holds the last `OUTPUT_LIMIT` characters of stdout and stderr together. */
export type ProgramResult =
  | { kind: 'exited'; code: number; output: string }
  | { kind: 'not_started'; why: string }
  | { kind: 'timed_out'; output: string };

/** Number of characters kept of a command's output. */
const OUTPUT_LIMIT = 16_384;

export interface RunOptions {
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** Runs a command to its end, without standard input. Never throws: failures are results. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<ProgramResult> {
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

/** Returns in one line why a command failed, or null when it succeeded. */
export function failureOf(command: string, result: ProgramResult): string | null {
  if (result.kind === 'not_started') return `${command} cannot be started (${result.why})`;
  const lines = result.output.trim().split('\n');
  // The first error is the reason. Later lines report its consequences.
  const reason =
    lines.find((line) => /^(E:|error|fatal)/i.test(line)) ?? lines.findLast((line) => /: /.test(line)) ?? lines.at(-1);
  if (result.kind === 'timed_out') return `${command} exceeded its time limit and was killed (${reason})`;
  return result.code === 0 ? null : `${command} failed with exit code ${result.code} (${reason})`;
}
