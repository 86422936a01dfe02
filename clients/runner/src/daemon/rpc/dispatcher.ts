import type { Logger } from '@pizzapi/process';
import {
  CodedError,
  encode,
  errorInfo,
  isId,
  isMap,
  isMethodRequest,
  isRunnerMethod,
  methodSpec,
  requestProblem,
  rightsOf,
  stringAt,
  toErrorInfo,
  tryDecodeMap,
  type CallControl,
  type ErrorInfo,
  type RunnerMethod,
  type MethodReply,
  type MethodRequest,
  type RunnerRight,
  type UnknownMap,
} from '@pizzapi/protocol';

/** Requests that a runner works on at once, except the urgent ones. */
export const MAX_CALLS = 256;
/** Requests that a runner works on at once, with the urgent ones. */
const MAX_ALL_CALLS = 512;
/** How much of the envelope a request has beside its body, in bytes. */
const ENVELOPE_BYTES = 4 * 1024;

/** A request as its handler sees it. */
export interface RunnerCall {
  id: string;
  /** The account that asks: the owner of the runner, or the owner of the session whose guest asks. */
  userId: string;
  /** For a guest: the only session, whose folder the handler may show. */
  within: string | undefined;
  /** Aborts when the caller is gone or its time is over. */
  signal: AbortSignal;
  /** Runs after the reply has left. */
  afterwards(fn: () => void): void;
}

export type RunnerHandler<M extends RunnerMethod> = (
  request: MethodRequest<M>,
  call: RunnerCall,
) => Promise<MethodReply<M>> | MethodReply<M>;

/** What a runner does at each request. A handler refuses by throwing a `CodedError`. */
export type RunnerHandlers = { readonly [M in RunnerMethod]: RunnerHandler<M> };

export type SomeHandlers = { readonly [M in RunnerMethod]?: RunnerHandler<M> };

export interface DispatcherDeps {
  /** A terminal that shares its session answers a few methods only. */
  handlers: SomeHandlers;
  /** The rights of the runner's token. Undefined: all. */
  rights?: () => readonly RunnerRight[] | undefined;
  log: Pick<Logger, 'error'>;
  maxCalls?: number;
}

export interface EncodedReply {
  body: Uint8Array;
  /** Runs after the reply has left. */
  afterwards?: (() => void) | undefined;
}

/**
 * Answers the requests to one runner. Checks each against its schema, its right and its size, gives it the time of its
 * method, and cancels it when its caller is gone. Every request is answered: with its reply, or with a coded error.
 */
export class RunnerRequestDispatcher {
  private readonly running = new Map<string, AbortController>();

  constructor(private readonly deps: DispatcherDeps) {}

  /** How many requests are being worked on. */
  get open(): number {
    return this.running.size;
  }

  /** `name` is the last token of the subject. */
  async answer(name: string, body: Uint8Array): Promise<EncodedReply> {
    const request = read(body);
    if (isControl(name)) return { body: encode({ known: this.control(name, request) }) };
    let afterwards: (() => void) | undefined;
    try {
      if (!isRunnerMethod(name))
        throw new CodedError('method_unknown', `This runner does not know "${name.slice(0, 64)}"`);
      const call = { afterwards: (fn: () => void) => (afterwards = fn) };
      const reply = await this.run(name, request, body.byteLength, call);
      const encoded = encode(reply);
      const { maxReplyBytes } = methodSpec(name);
      if (encoded.byteLength > maxReplyBytes)
        throw new CodedError('reply_too_large', `The reply of ${name} has ${encoded.byteLength} bytes`);
      return { body: encoded, afterwards };
    } catch (error) {
      return { body: encode({ error: this.errorOf(name, error) }), afterwards };
    }
  }

  /** Cancels all that runs. */
  stop(): void {
    for (const controller of this.running.values()) controller.abort();
  }

  private async run<M extends RunnerMethod>(
    name: M,
    request: UnknownMap | undefined,
    bytes: number,
    { afterwards }: Pick<RunnerCall, 'afterwards'>,
  ): Promise<MethodReply<M>> {
    const spec = methodSpec(name);
    const handler = this.deps.handlers[name];
    if (handler === undefined) throw new CodedError('method_unknown', `This runner does not answer "${name}"`);
    if (bytes > spec.maxRequestBytes + ENVELOPE_BYTES)
      throw new CodedError('body_too_large', `A request of ${name} has at most ${spec.maxRequestBytes} bytes`);
    if (request === undefined) throw new CodedError('bad_request', 'The request is not one map');
    if (spec.right !== undefined && !rightsOf(this.deps.rights?.()).includes(spec.right))
      throw new CodedError('right_missing', `The token of this runner does not allow ${spec.right}`);
    const { call, ...asked } = request;
    const caller = callerIn(call);
    if (caller.within !== undefined && spec.guests === undefined)
      throw new CodedError('forbidden', `Guests cannot ask for ${name}`);
    if (!isMethodRequest(name, asked)) throw new CodedError('bad_request', requestProblem(name, asked));
    const most = spec.urgent ? MAX_ALL_CALLS : (this.deps.maxCalls ?? MAX_CALLS);
    if (this.running.size >= most)
      throw new CodedError('rpc_busy', `The runner works on ${this.running.size} requests`);
    if (this.running.has(caller.id)) throw new CodedError('already_exists', 'A request with this id is running');
    return this.underControl(caller.id, spec.timeoutMs, name, (signal) =>
      handler(asked, { ...caller, signal, afterwards }),
    );
  }

  /** A handler that ignores its signal is answered for all the same. */
  private async underControl<T>(
    id: string,
    timeoutMs: number,
    name: string,
    work: (signal: AbortSignal) => Promise<T> | T,
  ): Promise<T> {
    const controller = new AbortController();
    const { signal } = controller;
    this.running.set(id, controller);
    let timer: NodeJS.Timeout | undefined;
    try {
      const ended = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new CodedError('rpc_cancelled', `${name} was cancelled`)));
        timer = setTimeout(() => {
          reject(new CodedError('rpc_timeout', `${name} took longer than ${timeoutMs / 1_000} s`));
          controller.abort();
        }, timeoutMs);
      });
      return await Promise.race([(async () => work(signal))(), ended]);
    } finally {
      clearTimeout(timer);
      this.running.delete(id);
    }
  }

  private control(name: CallControl, request: UnknownMap | undefined): boolean {
    const controller = this.running.get(stringAt(request ?? {}, 'callId') ?? '');
    if (name === 'cancel') controller?.abort();
    return controller !== undefined;
  }

  private errorOf(name: string, error: unknown): ErrorInfo {
    if (!(error instanceof CodedError)) this.deps.log.error({ err: error, method: name }, 'request failed');
    return error instanceof CodedError ? toErrorInfo(error) : errorInfo('internal', `${name} failed`);
  }
}

function read(body: Uint8Array): UnknownMap | undefined {
  // A runner of an earlier version was asked with an empty body.
  return body.byteLength === 0 ? {} : tryDecodeMap(body);
}

const isControl = (name: string): name is CallControl => name === 'cancel' || name === 'alive';

let unnamed = 0;

/** Gateways of earlier versions do not name their requests. */
function callerIn(call: unknown): Pick<RunnerCall, 'id' | 'userId' | 'within'> {
  const given = isMap(call) ? call : {};
  const id = stringAt(given, 'id');
  const within = stringAt(given, 'within');
  return {
    id: id !== undefined && isId(id) ? id : `unnamed-${++unnamed}`,
    userId: stringAt(given, 'userId') ?? '',
    // A name that is no id confines the caller too: no session has it.
    within,
  };
}
