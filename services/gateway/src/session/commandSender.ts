import {
  sendCommand,
  storageFull,
  type AuditWriter,
  type Backbone,
  type BlobStore,
  type WriteProbeOutcome,
} from '@pizzapi/backbone';
import type { Tracing } from '@pizzapi/process';
import {
  COMMAND_NAMES,
  COMMAND_TTL_MS,
  commandProblem,
  errorInfo,
  isCommand,
  isFrameAttachmentList,
  isImported,
  newId,
  SESSION_COMMANDS,
  type Attachment,
  type Command,
  type CommandName,
  type ErrorCode,
  type ErrorInfo,
  type FrameAttachment,
  type TraceContext,
} from '@pizzapi/protocol';
import { auditFieldsOf, authorOf, type Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import { unknownSession, type Access } from './access.js';
import type { ActionRates } from './actionRates.js';
import { keepAttachments, storeAttachments } from './attachments.js';
import type { Directory } from './directory.js';
import type { RecentSpawns } from './recentSpawns.js';
import { answerProblem } from './guestAnswers.js';
import { withoutClaims } from './identity.js';
import { keyProblem, type IdempotentIds } from './keys.js';
import type { SessionReader } from './reader.js';
import type { Storage } from './storage.js';

/** How long a host that is not there is waited for, in ms: a blip of its lease, or a session that has just begun. */
const HOST_PATIENCE_MS = 1_500;
/** How long the backbone is tried before a command counts as not confirmed, in ms. */
const STORE_PATIENCE_MS = 4_000;

/** The runner carries these out by itself: the worker of the session need not be there. */
const BY_THE_RUNNER: readonly CommandName[] = ['attach_session', 'kill_session', 'fork'];
/** What may still be asked of a session that is over. */
const AFTER_THE_END: readonly CommandName[] = ['attach_session', 'fork'];

export type SendCommandOutcome =
  | { kind: 'sent'; commandId: string }
  /** `retryAfterS`: too much was sent; it may be sent again after so many seconds. */
  | { kind: 'refused'; error: ErrorInfo; retryAfterS?: number };

export interface CommandRequest {
  principal: Principal;
  sid: string;
  name: string;
  args?: Record<string, unknown> | undefined;
  /** The same key is the same command, however often it is sent. */
  key?: string | undefined;
  /** The trace that the command belongs to. */
  trace?: TraceContext | undefined;
}

export interface InputRequest {
  principal: Principal;
  sid: string;
  text: string;
  deliverAs?: string | undefined;
  attachments?: readonly FrameAttachment[] | undefined;
  key?: string | undefined;
  trace?: TraceContext | undefined;
}

/** A command of the right shape whose sender is authorized. */
export interface CheckedCommand {
  rid: string;
  principal: Principal;
  name: CommandName;
  args: unknown;
  commandId: string;
  sid?: string;
  trace?: TraceContext | undefined;
}

export interface CommandSenderDeps {
  b: Backbone;
  directory: Directory;
  access: Access;
  recentSpawns: RecentSpawns;
  blobs: BlobStore;
  storage: Storage;
  rates: ActionRates;
  ids: IdempotentIds;
  reader: Pick<SessionReader, 'meta'>;
  /** Why nats-server confirms nothing. */
  storeHealth: { check(maxAgeMs: number): Promise<WriteProbeOutcome> };
  audit: AuditWriter<'input' | 'command'>;
  metrics: Pick<GatewayMetrics, 'command'>;
  tracing: Tracing;
}

const refuse = (error: ErrorInfo): SendCommandOutcome => ({ kind: 'refused', error });

/** Turns what people ask of a session into commands to its host. Nothing is sent before everything is checked. */
export class CommandSender {
  constructor(private readonly deps: CommandSenderDeps) {}

  async input(request: InputRequest): Promise<SendCommandOutcome> {
    return this.traced('input', request, (trace) => this.checkInput({ ...request, trace }));
  }

  async command(request: CommandRequest): Promise<SendCommandOutcome> {
    return this.traced(request.name, request, (trace) => this.checkCommand({ ...request, trace }));
  }

  /** Counts what becomes of a command, and records its span. */
  private async traced(
    name: string,
    { sid, trace }: { sid: string; trace?: TraceContext | undefined },
    send: (trace: TraceContext) => Promise<SendCommandOutcome>,
  ): Promise<SendCommandOutcome> {
    const attributes = { 'pizzapi.session': sid };
    // A name that no command has is the client's text.
    const known = (COMMAND_NAMES as readonly string[]).includes(name) ? name : 'unknown';
    const span = this.deps.tracing.start(`command ${known}`, { parent: trace, kind: 'server', attributes });
    let code: ErrorCode | undefined = 'internal';
    try {
      const outcome = await send(span.context);
      code = outcome.kind === 'sent' ? undefined : outcome.error.code;
      this.deps.metrics.command(code ?? 'ok');
      return outcome;
    } finally {
      span.end(code);
    }
  }

  private async checkInput({
    sid,
    text,
    deliverAs,
    attachments,
    key,
    trace,
    ...given
  }: InputRequest): Promise<SendCommandOutcome> {
    const principal = this.deps.access.principalIn(given.principal, sid);
    const denied = this.deps.access.commandProblem(principal, sid, 'input');
    if (denied !== undefined) return refuse(denied);
    if (text.trim() === '' && (attachments ?? []).length === 0) return refuse(errorInfo('input_empty'));
    const tooFast = await this.countAction(principal, Buffer.byteLength(text), sid);
    if (tooFast !== undefined) return tooFast;
    const stored = await this.storeFiles(principal, sid, attachments);
    if (stored.kind === 'refused') return stored;
    const files = stored.attachments.length === 0 ? {} : { attachments: stored.attachments };
    const args = { text, ...(deliverAs === undefined ? {} : { deliverAs }), ...files };
    return this.dispatch({ principal, sid, name: 'input', args, key, trace });
  }

  private async checkCommand(given: CommandRequest): Promise<SendCommandOutcome> {
    const { sid, name, args = {} } = given;
    const principal = this.deps.access.principalIn(given.principal, sid);
    const request = { ...given, principal };
    const denied = this.deps.access.commandProblem(principal, sid, name);
    if (denied !== undefined) return refuse(denied);
    const tooFast = await this.countAction(principal, JSON.stringify(args).length, sid);
    if (tooFast !== undefined) return tooFast;
    // The files of an input are the same to us, whichever way it comes.
    const { attachments = [], ...others } = args;
    if (name !== 'input' || commandProblem(name, others) !== undefined || !isFrameAttachmentList(attachments))
      return this.dispatch(request);
    const stored = await this.storeFiles(principal, sid, attachments);
    if (stored.kind === 'refused') return stored;
    const files = stored.attachments.length === 0 ? {} : { attachments: stored.attachments };
    return this.dispatch({ ...request, args: { ...others, ...files } });
  }

  /** Counts what a person sends. Returns a refusal when they must wait. */
  async countAction(
    principal: Principal,
    bytes: number,
    sid?: string,
  ): Promise<Extract<SendCommandOutcome, { kind: 'refused' }> | undefined> {
    const owner = (sid === undefined ? undefined : this.deps.access.ownerOf(sid)) ?? principal.userId;
    const tooFast = await this.deps.rates.take('input', principal, owner, bytes);
    return tooFast && { kind: 'refused', ...tooFast };
  }

  private async storeFiles(
    principal: Principal,
    sid: string,
    attachments: readonly FrameAttachment[] = [],
  ): ReturnType<typeof storeAttachments> {
    const userId = this.deps.access.ownerOf(sid);
    if (userId === undefined) return { kind: 'refused', error: unknownSession(sid) };
    const { share, credential } = principal;
    return storeAttachments(this.deps.blobs, { userId, sid, link: share && credential.id }, attachments);
  }

  private async dispatch({ principal, sid, name, args = {}, key, trace }: CommandRequest): Promise<SendCommandOutcome> {
    const { access, directory, blobs, storage } = this.deps;
    const denied = () => access.commandProblem(principal, sid, name);
    const wrong = denied() ?? keyProblem(key);
    if (wrong !== undefined) return refuse(wrong);
    const known = name as CommandName;
    if (!SESSION_COMMANDS.includes(known)) return refuse(unknownCommand(name));
    const own = withoutClaims(known, args, principal);
    const whole = known === 'fork' && own['sessionId'] === undefined ? { ...own, sessionId: newId() } : own;
    const problem = commandProblem(known, whole) ?? (await this.answerProblem(principal, sid, known, whole));
    if (problem !== undefined) return refuse(problem);

    const rid = directory.runnerOf(sid) ?? this.deps.recentSpawns.get(sid)?.runnerId;
    if (rid === undefined) return refuse(unknownSession(sid));
    if (directory.session(sid)?.state === 'ended' && !AFTER_THE_END.includes(known))
      return refuse(errorInfo('session_ended'));
    if (isImported({ runnerId: rid }))
      return refuse(errorInfo('session_ended', 'The session was imported and has no runner'));
    const here = () => directory.isOnline(rid) && (BY_THE_RUNNER.includes(known) || directory.isHosted(sid));
    if (!(await directory.until(here, HOST_PATIENCE_MS))) return refuse(errorInfo('host_lost'));
    const meanwhile = denied();
    if (meanwhile !== undefined) return refuse(meanwhile);
    const userId = access.ownerOf(sid);
    if (known === 'input' && userId !== undefined) {
      const shortage = await storage.inputShortage({ userId, sid }, String(whole['text']));
      if (shortage !== undefined) return refuse(storageFull(shortage, principal.share !== undefined));
      const attachments = (whole['attachments'] ?? []) as Attachment[];
      const gone = await keepAttachments(blobs, { userId, sid }, attachments);
      if (gone !== undefined) return refuse(gone);
    }
    const commandId = this.deps.ids.idFor('c', principal, key, sid);
    return this.send({ rid, principal, name: known, args: whole, sid, commandId, trace });
  }

  /** Why a guest may not give an answer, or undefined. */
  private async answerProblem(
    principal: Principal,
    sid: string,
    name: CommandName,
    args: unknown,
  ): Promise<ErrorInfo | undefined> {
    if (principal.share === undefined || name !== 'dialog_response') return undefined;
    const { state } = await this.deps.reader.meta(sid);
    const mode = this.deps.access.modeIn(principal, sid);
    return answerProblem(state, mode === 'approve' ? 'approve' : 'write', args);
  }

  /** Sends a command that was checked. */
  async send({ rid, principal, name, args, commandId, sid, trace }: CheckedCommand): Promise<SendCommandOutcome> {
    const at = Date.now();
    const session = sid === undefined ? {} : { sessionId: sid };
    const command: unknown = {
      commandId,
      name,
      ...session,
      args,
      by: authorOf(principal, sid === undefined ? undefined : this.deps.access.modeIn(principal, sid)),
      at,
      expiresAt: at + COMMAND_TTL_MS,
    };
    if (!isCommand(command)) return refuse(commandProblem(name, args) ?? errorInfo('command_invalid'));
    const outcome = await sendCommand(this.deps.b, rid, command, { patienceMs: STORE_PATIENCE_MS, trace });
    if (outcome.kind === 'unavailable' && !outcome.isUncertain) {
      const full = errorInfo('storage_full', 'The command stream is full');
      return refuse(outcome.full === true ? full : errorInfo('unavailable', 'The command was not sent'));
    }
    // Recorded also when it is uncertain: what the agent does then has a row that names the sender.
    this.deps.audit(name === 'input' ? 'input' : 'command', {
      ...auditFieldsOf(principal),
      commandId,
      name,
      sessionId: sid ?? newSessionOf(command),
      runnerId: rid,
    });
    if (outcome.kind === 'unavailable') {
      const isFull = (await this.deps.storeHealth.check(0)) === 'not_stored';
      const error = isFull
        ? errorInfo('disk_full', `The disk of nats-server is full: it did not confirm the command ${commandId}`)
        : errorInfo('unconfirmed', `nats-server did not confirm the command ${commandId} in time`);
      return refuse({ ...error, commandId });
    }
    return { kind: 'sent', commandId };
  }
}

const unknownCommand = (name: string): ErrorInfo =>
  errorInfo('command_unknown', `Unknown command "${name.slice(0, 64)}" for a session`);

function newSessionOf(command: Command): string | undefined {
  return command.name === 'new_session' ? command.args.sessionId : undefined;
}
