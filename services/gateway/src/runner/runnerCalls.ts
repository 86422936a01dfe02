import { publishAudit, requestRpc, roundTrip, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { redactText } from '@pizzapi/process';
import {
  encode,
  errorInfo,
  isErrorCode,
  isMap,
  isMethodReply,
  methodSpec,
  newId,
  replyProblem,
  rightsOf,
  stringAt,
  subjects,
  tryDecodeMap,
  type CallControl,
  type ErrorCode,
  type ErrorInfo,
  type RunnerCallInfo,
  type RunnerMethod,
  type MethodReply,
  type MethodRequest,
} from '@pizzapi/protocol';
import { auditFieldsOf, type Principal } from '../auth/principal.js';
import type { ActionRates } from '../session/actionRates.js';
import type { Directory } from '../session/directory.js';

/** Requests to runners that one gateway has in flight. */
export const MAX_CALLS_IN_FLIGHT = 1_000;
/** Of these, those of one account. */
export const MAX_CALLS_OF_ACCOUNT = 200;
/** How long a runner may be silent until the gateway asks whether it is there, in ms. */
const PROBE_AFTER_MS = 1_000;
/** The time after which it asks again when the runner does not know the request, in ms. */
const PROBE_AGAIN_MS = 200;
/** How long the answer to that may take, in ms. A host without an answer is slow, not gone. */
const PROBE_MS = 1_000;
/** What the runner may take beyond the time of a method, because it ends the request itself, in ms. */
const SLACK_MS = 1_000;

export type CallOutcome<M extends RunnerMethod> =
  { kind: 'ok'; reply: MethodReply<M> } | { kind: 'refused'; error: ErrorInfo; retryAfterS?: number };

export interface CallOptions {
  /** Aborts when the caller is gone: the runner then cancels the request. */
  signal?: AbortSignal;
  /** The session of a guest. */
  within?: string;
}

export interface RunnerCallsDeps {
  b: Backbone;
  directory: Pick<Directory, 'isOnline' | 'runner' | 'on'>;
  audit: AuditWriter<'runner_call'>;
  rates: Pick<ActionRates, 'take'>;
  maxInFlight?: number;
}

/**
 * Sends requests to runners. The caller has checked that the runner is the person's own. Bounds how many are in flight,
 * tells a host that is gone from one that is slow, cancels requests whose caller is gone, and writes the rows of the audit log.
 */
export class RunnerCalls {
  private open = 0;
  private readonly openOf = new Map<string, number>();

  constructor(private readonly deps: RunnerCallsDeps) {}

  /** How many requests are in flight. */
  get inFlight(): number {
    return this.open;
  }

  async call<M extends RunnerMethod>(
    principal: Principal,
    rid: string,
    method: M,
    request: MethodRequest<M>,
    options: CallOptions = {},
  ): Promise<CallOutcome<M>> {
    const { userId } = principal;
    const refusal = this.refusal(userId, rid, method);
    if (refusal !== undefined) return { kind: 'refused', error: refusal };
    const { within, signal } = options;
    const call: RunnerCallInfo = { id: newId('call'), userId, ...(within === undefined ? {} : { within }) };
    const withdrawal = new Withdrawal();
    this.count(userId, 1);
    try {
      const row = auditRowOf(principal, rid, method, request);
      if (row === undefined) return await this.send(rid, method, request, call, { signal, withdrawal });
      const tooFast = await this.deps.rates.take('runner_call', principal, userId);
      if (tooFast !== undefined) return { kind: 'refused', ...tooFast };
      // Stored before the request is sent: what it does has a row also when this gateway dies meanwhile.
      const stored = await publishAudit(this.deps.b, { kind: 'runner_call', at: Date.now(), ...row });
      const outcome =
        stored.kind === 'unavailable'
          ? refusedAs('unavailable', 'The audit log cannot be written; the runner was not asked')
          : await this.send(rid, method, request, call, { signal, withdrawal });
      if (outcome.kind === 'refused') this.deps.audit('runner_call', { ...row, outcome: outcome.error.code });
      return outcome;
    } finally {
      // A request that is withdrawn takes its place until its runner has been asked to cancel it.
      void withdrawal.settled.finally(() => this.count(userId, -1));
    }
  }

  private refusal(userId: string, rid: string, method: RunnerMethod): ErrorInfo | undefined {
    const { directory, maxInFlight = MAX_CALLS_IN_FLIGHT } = this.deps;
    const { right } = methodSpec(method);
    if (right !== undefined && !rightsOf(directory.runner(rid)?.allow).includes(right))
      return errorInfo('right_missing', `The token of the runner "${rid}" does not allow ${right}`);
    if (!directory.isOnline(rid)) return errorInfo('host_lost', `The runner "${rid}" is offline`);
    if (this.open >= maxInFlight) return errorInfo('rpc_busy', `The gateway has ${this.open} requests in flight`);
    const own = this.openOf.get(userId) ?? 0;
    if (own >= MAX_CALLS_OF_ACCOUNT) return errorInfo('rpc_busy', `The account has ${own} requests in flight`);
    return undefined;
  }

  private count(userId: string, by: 1 | -1): void {
    this.open += by;
    const own = (this.openOf.get(userId) ?? 0) + by;
    if (own <= 0) this.openOf.delete(userId);
    else this.openOf.set(userId, own);
  }

  private async send<M extends RunnerMethod>(
    rid: string,
    method: M,
    request: MethodRequest<M>,
    call: RunnerCallInfo,
    { signal, withdrawal }: { signal: AbortSignal | undefined; withdrawal: Withdrawal },
  ): Promise<CallOutcome<M>> {
    const { b } = this.deps;
    if (signal?.aborted === true) return refusedAs('rpc_cancelled');
    const timeoutMs = methodSpec(method).timeoutMs + SLACK_MS;
    const over = new AbortController();
    const begun = performance.now();
    const body = encode({ ...request, call });
    const answer = requestRpc(b, subjects.runnerRpc(rid, method), body, { timeoutMs, signal: over.signal });
    const gone = new Promise<'cancelled'>((resolve) => {
      signal?.addEventListener('abort', () => resolve('cancelled'), { signal: over.signal });
    });
    const lost = this.untilLost(rid, call.id, over.signal);
    try {
      const first = await Promise.race([answer, gone, lost]);
      if (first === 'cancelled' || first === 'lost') {
        if (first === 'lost')
          return refusedAs('host_lost', `The runner "${rid}" was lost before it answered ${method}`);
        withdrawal.begin(this.cancel(rid, call.id));
        return refusedAs('rpc_cancelled');
      }
      if (first.kind === 'no_responders') return { kind: 'refused', error: await this.notServed(rid, method) };
      if (first.kind === 'timeout') {
        // Without a connection the time-out comes at once.
        if (performance.now() - begun < timeoutMs - SLACK_MS)
          return refusedAs('unavailable', `The reply to ${method} did not arrive`);
        withdrawal.begin(this.cancel(rid, call.id));
        return refusedAs(
          'rpc_timeout',
          `The runner did not answer ${method} within ${Math.round(timeoutMs / 1_000)} s`,
        );
      }
      const outcome = readReply(method, first.body);
      if (outcome.kind === 'ok' && method === 'ping')
        Object.assign(outcome.reply, { gateway: await this.hops(performance.now() - begun) });
      return outcome;
    } finally {
      over.abort();
    }
  }

  private async hops(runnerMs: number): Promise<{ natsMs?: number; runnerMs: number }> {
    const natsMs = await roundTrip(this.deps.b, PROBE_MS);
    return { runnerMs, ...(natsMs === undefined ? {} : { natsMs }) };
  }

  /**
   * Resolves when the host is gone: its lease ended, no process serves its subjects any more, or its daemon is another one that
   * does not know the request. Never resolves for a host that is slow.
   */
  private untilLost(rid: string, callId: string, over: AbortSignal): Promise<'lost'> {
    const { directory } = this.deps;
    return new Promise((resolve) => {
      const lost = (): void => {
        off();
        clearTimeout(timer);
        resolve('lost');
      };
      const off = directory.on((change) => change.kind === 'lease' && !directory.isOnline(rid) && lost());
      let unknown = 0;
      const probe = async (): Promise<void> => {
        const state = await this.ask(rid, 'alive', callId);
        if (over.aborted) return;
        // The reply may be on its way behind this answer: only the second time counts.
        unknown = state === 'unknown' ? unknown + 1 : 0;
        if (state === 'gone' || unknown > 1) return lost();
        timer = setTimeout(() => void probe(), unknown > 0 ? PROBE_AGAIN_MS : PROBE_AFTER_MS);
      };
      let timer = setTimeout(() => void probe(), PROBE_AFTER_MS);
      over.addEventListener('abort', () => {
        off();
        clearTimeout(timer);
      });
    });
  }

  /** `silent`: no answer in time, or a runner of an earlier version, which does not answer this. */
  private async ask(
    rid: string,
    control: CallControl,
    callId: string,
  ): Promise<'known' | 'unknown' | 'gone' | 'silent'> {
    const subject = subjects.runnerRpc(rid, control);
    const answer = await requestRpc(this.deps.b, subject, encode({ callId }), { timeoutMs: PROBE_MS });
    if (answer.kind === 'no_responders') return (await this.isServed(rid)) ? 'silent' : 'gone';
    if (answer.kind === 'timeout') return 'silent';
    const value = tryDecodeMap(answer.body);
    if (typeof value?.['known'] !== 'boolean') return 'silent';
    return value['known'] ? 'known' : 'unknown';
  }

  private async cancel(rid: string, callId: string): Promise<void> {
    await this.ask(rid, 'cancel', callId);
  }

  /** No process answers this method at a runner that holds its lease: it is of an earlier version, or has just gone. */
  private async notServed(rid: string, method: RunnerMethod): Promise<ErrorInfo> {
    if (!(await this.isServed(rid))) return errorInfo('host_lost', `Nothing answers for the runner "${rid}"`);
    return errorInfo('method_unknown', `The runner "${rid}" does not know "${method}": update the runner`);
  }

  /** Whether a runner is there. Every version answers `status`. */
  private async isServed(rid: string): Promise<boolean> {
    const answer = await requestRpc(this.deps.b, subjects.runnerRpc(rid, 'status'), encode({}), {
      timeoutMs: PROBE_MS,
    });
    return answer.kind !== 'no_responders';
  }
}

/** The end of a request that was withdrawn: until then it counts as one in flight. */
class Withdrawal {
  settled: Promise<void> = Promise.resolve();

  begin(cancelled: Promise<void>): void {
    this.settled = cancelled.catch(() => undefined);
  }
}

const refusedAs = (code: ErrorCode, what?: string): { kind: 'refused'; error: ErrorInfo } => ({
  kind: 'refused',
  error: errorInfo(code, what),
});

/** What the audit log says of a request, without the secrets that its command line shows. Undefined when it changes nothing. */
function auditRowOf<M extends RunnerMethod>(
  principal: Principal,
  rid: string,
  method: M,
  request: MethodRequest<M>,
): Record<string, unknown> | undefined {
  const { changes } = methodSpec(method);
  if (changes.kind !== 'audited') return undefined;
  const what = changes.what({ ...request });
  const command = what.command === undefined ? {} : { command: redactText(what.command) };
  return { ...auditFieldsOf(principal), runnerId: rid, method, ...what, ...command };
}

/** A runner may answer anything. */
function readReply<M extends RunnerMethod>(method: M, body: Uint8Array): CallOutcome<M> {
  const value = tryDecodeMap(body);
  const error = value?.['error'];
  if (isMap(error)) {
    const { code, details } = error;
    const message = stringAt(error, 'message');
    const known = isErrorCode(code) ? { code, message: message ?? '' } : errorInfo('runner_failed', message);
    return { kind: 'refused', error: { ...known, ...(details === undefined ? {} : { details }) } };
  }
  if (isMethodReply(method, value)) return { kind: 'ok', reply: value };
  const what = `Its reply to ${method} cannot be read: ${replyProblem(method, value) ?? ''}`;
  return { kind: 'refused', error: errorInfo('runner_failed', what) };
}
