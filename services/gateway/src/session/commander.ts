import { ownerOf, publishAudit, sendCommand, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import {
  COMMAND_TTL_MS,
  commandProblem,
  errorInfo,
  isCommand,
  isId,
  newId,
  SESSION_COMMANDS,
  type Command,
  type CommandName,
  type ErrorInfo,
  type FrameAttachment,
} from '@pizzapi/protocol';
import { authorOf, type Principal } from '../auth/principal.js';
import { storeAttachments } from './attachments.js';
import type { Directory } from './directory.js';

/** How long a host that is not there is waited for, in ms: a blip of its lease, or a session that has just begun. */
const HOST_PATIENCE_MS = 1_500;
/** How long the backbone is tried before a command counts as not sent, in ms. */
const STORE_PATIENCE_MS = 4_000;

/** The runner carries these out by itself: the worker of the session need not be there. */
const BY_THE_RUNNER: readonly CommandName[] = ['attach_session', 'kill_session', 'fork'];
/** What may still be asked of a session that is over. */
const AFTER_THE_END: readonly CommandName[] = ['attach_session', 'fork'];

export type CommandOutcome = { kind: 'sent'; commandId: string } | { kind: 'refused'; error: ErrorInfo };

export interface CommandRequest {
  principal: Principal;
  sid: string;
  name: string;
  args?: Record<string, unknown> | undefined;
  /** The same key is the same command, however often it is sent. */
  key?: string | undefined;
}

export interface InputRequest {
  principal: Principal;
  sid: string;
  text: string;
  deliverAs?: string | undefined;
  attachments?: readonly FrameAttachment[] | undefined;
  key?: string | undefined;
}

const refuse = (error: ErrorInfo): CommandOutcome => ({ kind: 'refused', error });

/** Turns what people ask of a session into commands to its host. Nothing is sent before everything is checked. */
export class Commander {
  /** Sessions that were asked for here and that no projection may know yet. */
  private readonly asked = new Map<string, string>();

  constructor(
    private readonly b: Backbone,
    private readonly directory: Directory,
    private readonly log: Logger,
  ) {
    directory.on((change) => change.kind === 'session' && this.asked.delete(change.session.sessionId));
  }

  /** Remembers where a session will appear. */
  expect(sid: string, rid: string): void {
    this.asked.set(sid, rid);
    if (this.asked.size > 1_000) this.asked.delete(this.asked.keys().next().value!);
  }

  /** It will not appear after all. */
  unexpect(sid: string): void {
    this.asked.delete(sid);
  }

  isExpected(sid: string): boolean {
    return this.asked.has(sid);
  }

  async input({ principal, sid, text, deliverAs, attachments, key }: InputRequest): Promise<CommandOutcome> {
    if (text.trim() === '' && (attachments ?? []).length === 0) return refuse(errorInfo('input_empty'));
    const stored = await storeAttachments(this.b, attachments);
    if (stored.kind === 'refused') return stored;
    const files = stored.attachments.length === 0 ? {} : { attachments: stored.attachments };
    const args = { text, ...(deliverAs === undefined ? {} : { deliverAs }), ...files };
    return this.command({ principal, sid, name: 'input', args, key });
  }

  async command({ principal, sid, name, args = {}, key }: CommandRequest): Promise<CommandOutcome> {
    if (key !== undefined && !isId(key)) return refuse(errorInfo('invalid_id', 'The Idempotency-Key is not an id'));
    if (!SESSION_COMMANDS.includes(name as CommandName)) {
      return refuse(errorInfo('command_unknown', `There is no command "${name.slice(0, 64)}" for a session`));
    }
    const known = name as CommandName;
    const whole = known === 'fork' && args['sessionId'] === undefined ? { ...args, sessionId: newId() } : args;
    const problem = commandProblem(known, whole);
    if (problem !== undefined) return refuse(problem);

    const rid = await this.runnerOf(sid);
    if (rid === undefined) return refuse(errorInfo('session_not_found', `There is no session "${sid}"`));
    if (this.directory.session(sid)?.state === 'ended' && !AFTER_THE_END.includes(known))
      return refuse(errorInfo('session_ended'));
    const here = () => this.directory.isOnline(rid) && (BY_THE_RUNNER.includes(known) || this.directory.isHosted(sid));
    if (!(await this.directory.until(here, HOST_PATIENCE_MS))) return refuse(errorInfo('host_lost'));
    return this.send(rid, principal, known, whole, key, sid);
  }

  /** Sends a command that was checked. */
  async send(
    rid: string,
    principal: Principal,
    name: CommandName,
    args: unknown,
    key: string | undefined,
    sid?: string,
  ): Promise<CommandOutcome> {
    const commandId = key ?? newId('c');
    const at = Date.now();
    const session = sid === undefined ? {} : { sessionId: sid };
    const command: unknown = {
      commandId,
      name,
      ...session,
      args,
      by: authorOf(principal),
      at,
      expiresAt: at + COMMAND_TTL_MS,
    };
    if (!isCommand(command)) return refuse(commandProblem(name, args) ?? errorInfo('command_invalid'));
    const outcome = await sendCommand(this.b, rid, command, STORE_PATIENCE_MS);
    if (outcome.kind === 'unavailable') return refuse(errorInfo('unavailable', 'The command was not sent'));
    this.audit(name === 'input' ? 'input' : 'command', principal, {
      commandId,
      name,
      sessionId: sid ?? newSessionOf(command),
      runnerId: rid,
    });
    return { kind: 'sent', commandId };
  }

  /** Writes a row of the audit trail, without holding anyone up. */
  audit(kind: string, principal: Principal, fields: object): void {
    publishAudit(this.b, { kind, at: Date.now(), userId: principal.userId, via: principal.via, ...fields }).then(
      (outcome) => outcome.kind === 'unavailable' && this.log.warn({ kind }, 'audit row was not stored'),
      (err: unknown) => this.log.error({ err, kind }, 'audit row failed'),
    );
  }

  /** The runner that hosts a session, or hosted it last. A session too new for its projection is known by its grant. */
  private async runnerOf(sid: string): Promise<string | undefined> {
    const known = this.directory.session(sid)?.runnerId;
    if (known !== undefined && isId(known)) return known;
    return (await ownerOf(this.b, sid))?.runnerId ?? this.asked.get(sid);
  }
}

function newSessionOf(command: Command): string | undefined {
  return command.name === 'new_session' ? command.args.sessionId : undefined;
}
