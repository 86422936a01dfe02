import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { errorInfo } from '@pizzapi/protocol';
import { EXIT, Failure, interruptible, line, type Io } from './io.js';

/** The number of bytes of stdin that are read for a secret. */
const MAX_BYTES = 4_096;

/** Reads one secret line: on a terminal by a prompt without echo, otherwise the first line of stdin. */
export async function readSecret(io: Io, question: string): Promise<string> {
  return io.terminal.asks ? ask(io, question) : firstLine(io.stdin);
}

async function ask(io: Io, question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: io.stdin, output: silent, terminal: true, historySize: 0 });
  io.stderr.write(question);
  try {
    return await interruptible(io, async (signal) => {
      const ended = new Promise<undefined>((resolve) => {
        prompt.once('close', () => resolve(undefined));
        signal.addEventListener('abort', () => prompt.close(), { once: true });
      });
      const answer = await Promise.race([prompt.question(''), ended]);
      if (answer === undefined)
        throw new Failure(errorInfo('start_stopped', 'Stopped; nothing was saved'), EXIT.interrupted);
      return answer.trim();
    });
  } finally {
    prompt.close();
    line(io.stderr);
  }
}

async function firstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk);
    chunks.push(part);
    bytes += part.byteLength;
    if (part.includes(0x0a) || bytes > MAX_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BYTES).toString('utf8').split('\n', 1)[0]!.trim();
}
