import { once } from 'node:events';
import { constants } from 'node:os';
import {
  errorInfo,
  isMap,
  type ErrorCode,
  type ErrorInfo,
  type ExecChunk,
  type MethodRequest,
} from '@pizzapi/protocol';
import type { Api } from '@pizzapi/session-client';
import { Failure, line, type Io } from './io.js';

/** Exit codes of ssh and of shells. */
const FAILED = 255;
const NOT_FOUND = 127;
const NOT_STARTED = 126;
const BY_SIGNAL = 128;
/** Bytes of input in one request. */
const INPUT_BYTES = 256 * 1024;
/** How long a request waits for output, in ms. */
const WAIT_MS = 20_000;
/** The same of the first one: until it is answered, the command ends with the connection. */
const FIRST_WAIT_MS = 1_000;
/** How long a command may be out of reach before it is given up, in ms: its runner ends it after 30 s. */
const OUT_OF_REACH_MS = 25_000;
const AGAIN_MS = 500;
/** A request that fails so may be sent again: output and input are numbered. */
const PASSING: readonly ErrorCode[] = [
  ...(['host_lost', 'unavailable', 'gateway_unreachable', 'rpc_timeout', 'rpc_busy', 'draining'] as const),
];
export const isPassing = (code: ErrorInfo['code']): boolean => (PASSING as readonly string[]).includes(code);
/** Why the runner ended the command. */
const ENDS: Readonly<Record<string, string>> = {
  timeout: 'The time of the command is over: raise it with --timeout.',
  output_limit: 'The command printed more than it may: raise the limit with --max-output.',
  abandoned: 'The runner ended the command, because no request for it came.',
};

export interface HostCommand {
  request: MethodRequest<'exec'>;
  /** Whether the input of this process is passed on. */
  stdin: boolean;
}

/** Runs a command on a host, with the input, outputs and signals of this process. Returns its exit code. */
export async function runOnHost(
  io: Io,
  api: Pick<Api, 'runnerCall'>,
  rid: string,
  { request, stdin }: HostCommand,
): Promise<number> {
  const leaving = new AbortController();
  const started = await api.runnerCall(
    rid,
    'exec',
    { ...request, ...(stdin ? { keepStdin: true, waitMs: 0 } : { waitMs: FIRST_WAIT_MS }) },
    { signal: leaving.signal },
  );
  if (started.kind === 'failed') return notStarted(io, started.error);
  const running = new RemoteCommand(io, api, rid, started.value.execId, leaving.signal);
  const signals = new SignalForwarder(io, running);
  const input = stdin ? running.sendInput() : Promise.resolve();
  const output = running.follow(started.value);
  try {
    // A command without the rest of its input must not do half of its work: it ends with an error.
    const exit = await Promise.race([output, input.then(() => output)]);
    return exitCode(io, exit);
  } catch (error) {
    await running.kill();
    throw error instanceof Failure ? new Failure(error.info, FAILED) : error;
  } finally {
    leaving.abort();
    signals.stop();
  }
}

function notStarted(io: Io, error: ErrorInfo): number {
  const errno = isMap(error.details) ? error.details['errno'] : undefined;
  if (error.code !== 'exec_failed') throw new Failure(error, FAILED);
  line(io.stderr, `${error.code}: ${error.message}`);
  return errno === 'ENOENT' ? NOT_FOUND : NOT_STARTED;
}

function exitCode(io: Io, { code, signal, ended }: NonNullable<ExecChunk['exit']>): number {
  if (ended !== undefined && ENDS[ended] !== undefined) line(io.stderr, ENDS[ended]);
  if (code !== null) return code;
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return BY_SIGNAL + (numbers[signal ?? ''] ?? 0);
}

class RemoteCommand {
  private exited = false;

  constructor(
    private readonly io: Io,
    private readonly api: Pick<Api, 'runnerCall'>,
    private readonly rid: string,
    private readonly execId: string,
    private readonly over: AbortSignal,
  ) {}

  /** Writes the output as it comes, until the command has ended. */
  async follow(first: ExecChunk): Promise<NonNullable<ExecChunk['exit']>> {
    let chunk = first;
    for (;;) {
      await write(this.io.stdout, chunk.stdout);
      await write(this.io.stderr, chunk.stderr);
      const { exit, next } = chunk;
      if (exit !== undefined || next === undefined) {
        this.exited = true;
        return exit ?? { code: FAILED, signal: null };
      }
      chunk = await this.patiently('exec_output', { execId: this.execId, after: next, waitMs: WAIT_MS });
    }
  }

  /** Passes on the input of this process until it ends, or the command does. Throws when the input cannot be passed on. */
  async sendInput(): Promise<void> {
    const { stdin } = this.io;
    let sent = 0;
    const send = async (bytes: Buffer, end: boolean) => {
      const from = sent;
      const until = from + bytes.byteLength;
      // A command that does not read takes a part, or nothing: the rest is sent again.
      do {
        if (this.exited) return;
        const rest = bytes.subarray(sent - from).toString('base64');
        const request = { execId: this.execId, offset: sent, bytes: rest, ...(end && { end }) };
        const { received } = await this.patiently('exec_input', request);
        if (received < sent || received > until)
          throw new Failure(
            errorInfo('runner_failed', `The runner has ${received} of ${until} bytes of input`),
            FAILED,
          );
        // Its runner has waited already. One that does not wait must not be asked without a pause.
        if (received === sent && received < until) await this.io.sleep(AGAIN_MS, this.over);
        sent = received;
      } while (sent < until);
    };
    const onOver = () => void (stdin as Partial<NodeJS.ReadStream>).destroy?.();
    this.over.addEventListener('abort', onOver);
    try {
      for await (const data of stdin) {
        const bytes = typeof data === 'string' ? Buffer.from(data) : data;
        for (let at = 0; at < bytes.byteLength; at += INPUT_BYTES)
          await send(bytes.subarray(at, at + INPUT_BYTES), false);
      }
      await send(Buffer.alloc(0), true);
    } catch (error) {
      // What is left of the input when the command has ended is of no use.
      if (!this.exited && !this.over.aborted) throw error;
    }
  }

  /** Sends a signal; without one, ends the command with all that it started. */
  async kill(signal?: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): Promise<void> {
    const request = { execId: this.execId, ...(signal === undefined ? {} : { signal }) };
    if (!this.exited) await this.api.runnerCall(this.rid, 'exec_kill', request);
  }

  private async patiently<M extends 'exec_output' | 'exec_input'>(method: M, request: MethodRequest<M>) {
    let failingSince: number | undefined;
    for (;;) {
      const result = await this.api.runnerCall(this.rid, method, request, { signal: this.over });
      if (result.kind === 'ok') return result.value;
      failingSince ??= Date.now();
      const mayPass = isPassing(result.error.code) && Date.now() - failingSince < OUT_OF_REACH_MS;
      if (!mayPass || this.over.aborted) throw new Failure(result.error, FAILED);
      await this.io.sleep(AGAIN_MS, this.over);
    }
  }
}

/** The first Ctrl-C interrupts the command, as at its own terminal; the second one ends it. */
class SignalForwarder {
  private interrupts = 0;
  private readonly listeners: [name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void][];

  constructor(
    private readonly io: Io,
    command: RemoteCommand,
  ) {
    this.listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => [
      name,
      () => void (this.interrupts++ === 0 ? command.kill(name) : command.kill()),
    ]);
    for (const [name, listener] of this.listeners) this.io.signals.on(name, listener);
  }

  stop(): void {
    for (const [name, listener] of this.listeners) this.io.signals.off(name, listener);
  }
}

async function write(stream: NodeJS.WritableStream, base64: string): Promise<void> {
  if (base64 !== '' && !stream.write(Buffer.from(base64, 'base64'))) await once(stream, 'drain');
}
