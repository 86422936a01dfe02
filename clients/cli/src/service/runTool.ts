import { execFile } from 'node:child_process';
import { CodedError, oneLine, shorten } from '@pizzapi/protocol';

/** What a program of the system answered. */
export interface ToolAnswer {
  /** Its exit code; `missing` when there is no such program, `failed` when it did not end in time. */
  code: number | 'missing' | 'failed';
  stdout: string;
  stderr: string;
}

export type RunTool = (program: string, ...args: string[]) => Promise<ToolAnswer>;

/** How long such a program may take, in ms: it waits for the service to stop. */
const PATIENCE_MS = 60_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Returns a function that runs programs of PATH in an environment, and never throws. */
export function toolRunner(env: NodeJS.ProcessEnv): RunTool {
  return (program, ...args) =>
    new Promise((resolve) => {
      const limits = { env, timeout: PATIENCE_MS, maxBuffer: MAX_OUTPUT_BYTES } as const;
      execFile(program, args, limits, (error, stdout, stderr) => {
        if (error === null) return resolve({ code: 0, stdout, stderr });
        if (error.code === 'ENOENT') return resolve({ code: 'missing', stdout, stderr });
        resolve({ code: typeof error.code === 'number' ? error.code : 'failed', stdout, stderr });
      });
    });
}

/** Throws `service_failed` unless a program succeeded. */
export async function mustRun(run: RunTool, program: string, ...args: string[]): Promise<ToolAnswer> {
  const answer = await run(program, ...args);
  if (answer.code === 0) return answer;
  throw new CodedError('service_failed', `\`${[program, ...args].join(' ')}\` failed: ${reasonOf(answer)}`);
}

/** The last line that a failed program printed, or its exit code. */
export function reasonOf({ code, stderr, stdout }: ToolAnswer): string {
  const last = `${stdout}\n${stderr}`.trim().split('\n').at(-1) ?? '';
  if (last !== '') return shorten(oneLine(last), 200);
  return code === 'missing' ? 'it is not installed' : `exit code ${code}`;
}
