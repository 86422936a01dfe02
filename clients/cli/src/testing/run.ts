import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import type { Io } from '../io.js';
import { runCli } from '../program.js';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process and collects its output. */
export async function run(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; stdin?: Uint8Array | string; columns?: number; io?: Partial<Io> } = {},
): Promise<Ran> {
  const output = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof output) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        output[name] += chunk.toString();
        done();
      },
    });
  const stdin = Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]);
  const io: Io = {
    stdin,
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    env: options.env ?? {},
    colour: false,
    terminal: { keys: false, asks: false, columns: options.columns },
    signals: new EventEmitter(),
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    browse: () => undefined,
    ...options.io,
  };
  const code = await runCli(argv, io, '1.2.3');
  return { code, ...output };
}
