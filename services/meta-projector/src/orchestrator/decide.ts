import {
  ASKING_TRIGGERS,
  childOptions,
  COMMAND_TTL_MS,
  errorInfo,
  linkEndText,
  TRIGGER_ANSWER_MS,
  type CommandName,
  type CommandOf,
  type ErrorInfo,
  type GuestRef,
  type LinkEnd,
} from '@pizzapi/protocol';
import {
  commandFor,
  KEPT_MS,
  linkCommandId,
  receiptFor,
  type SessionEndpoint,
  type OutgoingCommand,
} from './commands.js';
import type { AnyLinkEvent, LinkEvent } from './linkEvents.js';

/** How long a runner may take to begin a child, in ms. */
export const SPAWN_MS = 30_000;

/** What is known around a fact when it is decided. */
export interface DecisionContext {
  /** ms since epoch. */
  now: number;
  /** Whose log it is on. */
  sender: SessionEndpoint;
  /** Its parent, while they are linked. */
  parent?: SessionEndpoint | undefined;
  /** The session that the fact names, where it is a child of the sender. */
  child?: SessionEndpoint | undefined;
  /** All of the sender's, where the fact is about all. */
  children?: readonly SessionEndpoint[];
  /** Of a spawn: where the child is to live. */
  runner?: { rid: string; userId: string | undefined; online: boolean };
  /** Of a spawn: the id is another session's already. */
  isTaken?: boolean;
  /** Of an end: the parent knows, because the child said so or the parent wanted it. */
  hasReported?: boolean;
  /** The guests in whose turn it was said. Of an end: those who had the session started. */
  guests?: GuestRef[] | undefined;
  /** Why nothing is carried over for one of them any more. */
  linkEnd?: { guest: GuestRef; why: LinkEnd } | undefined;
}

/** One command for each who is to hear of it; pure. */
export function decide(linkEvent: AnyLinkEvent, context: DecisionContext): OutgoingCommand[] {
  switch (linkEvent.event.type) {
    case 'session_spawn':
      return spawn(linkEvent as LinkEvent<'session_spawn'>, context);
    case 'session_trigger':
      return trigger(linkEvent as LinkEvent<'session_trigger'>, context);
    case 'trigger_response':
      return response(linkEvent as LinkEvent<'trigger_response'>, context);
    case 'trigger_closed':
      return closed(linkEvent as LinkEvent<'trigger_closed'>, context);
    case 'session_message':
      return message(linkEvent as LinkEvent<'session_message'>, context);
    case 'cleanup_child_session':
      return cleanup(linkEvent as LinkEvent<'cleanup_child_session'>, context);
    case 'delink_children':
      return (context.children ?? []).map((child) => unlink(linkEvent, child, context));
    case 'delink_own_parent':
      return context.parent === undefined ? [] : [unlink(linkEvent, context.parent, context)];
    case 'session_ended':
      return ended(linkEvent as LinkEvent<'session_ended'>, context);
    case 'session_started':
      return [];
  }
}

function spawn({ sid, event }: LinkEvent<'session_spawn'>, context: DecisionContext): OutgoingCommand[] {
  const { now, sender, runner } = context;
  const { spawnId, sessionId, prompt, cwd, model, name, pi } = event;
  const problem = spawnProblem(event, context);
  if (problem !== undefined || runner === undefined) {
    return [receiptFor(sender, { requestId: spawnId, to: sessionId, guests: context.guests }, 'failed', now, problem)];
  }
  const child: SessionEndpoint = { sid: sessionId, userId: sender.userId, runnerId: runner.rid, ended: false };
  const args = {
    ...{ sessionId, prompt, parentSessionId: sid },
    ...(cwd === undefined ? {} : { cwd }),
    ...(model === undefined ? {} : { model }),
    ...(name === undefined ? {} : { name }),
    ...(pi === undefined ? {} : { pi: childOptions(pi) }),
  };
  return send(context, child, 'new_session', [sid, 'session_spawn', spawnId], args, {
    ...{ requestId: spawnId, expiresAt: now + SPAWN_MS },
  });
}

function spawnProblem(
  { sessionId, runnerId }: LinkEvent<'session_spawn'>['event'],
  { sender, runner, isTaken = false, linkEnd }: DecisionContext,
): ErrorInfo | undefined {
  if (linkEnd !== undefined) return endedError(linkEnd);
  if (runner?.userId !== sender.userId) {
    return errorInfo('runner_not_found', `No runner "${runnerId ?? sender.runnerId}"`);
  }
  if (isTaken) return errorInfo('already_exists', `Session ${sessionId} already exists`);
  return runner.online ? undefined : errorInfo('host_lost', `The runner "${runner.rid}" is offline`);
}

const endedError = ({ guest, why }: NonNullable<DecisionContext['linkEnd']>): ErrorInfo =>
  errorInfo('link_ended', linkEndText(guest, why));

function trigger({ sid, at, event }: LinkEvent<'session_trigger'>, context: DecisionContext): OutgoingCommand[] {
  const { now, sender, parent } = context;
  const { triggerId, kind, payload, expiresAt: until, waitsUntil } = event;
  const to = event.parentSessionId ?? sid;
  const isAsking = ASKING_TRIGGERS.includes(kind);
  const expiresAt = isAsking ? Math.min(until ?? Infinity, at + TRIGGER_ANSWER_MS) : now + KEPT_MS;
  if (parent === undefined) return [refused(context, triggerId, to, errorInfo('not_linked', 'There is no parent'))];
  const args = {
    ...{ triggerId, kind, sessionId: sid },
    ...(sender.name === undefined || sender.name === '' ? {} : { name: sender.name }),
    ...(payload === undefined ? {} : { payload }),
    ...(isAsking ? { expiresAt } : {}),
    ...(isAsking && waitsUntil !== undefined ? { waitsUntil } : {}),
  };
  return send(context, parent, 'session_trigger', [sid, kind, triggerId], args, { requestId: triggerId, expiresAt });
}

function response({ sid, at, event }: LinkEvent<'trigger_response'>, context: DecisionContext): OutgoingCommand[] {
  const { triggerId, response: value, to = '', by } = event;
  const { child } = context;
  if (child === undefined) return [refused(context, triggerId, to, notAChild(to))];
  // Whether the trigger still takes an answer only its session knows, which says so.
  return send(
    context,
    child,
    'trigger_response',
    [sid, 'trigger_response', triggerId, to],
    { triggerId, response: value, ...(by === undefined ? {} : { by }) },
    { requestId: triggerId, expiresAt: at + COMMAND_TTL_MS },
  );
}

/** Settled by a person, or by nobody: the parent need not answer any more. */
function closed({ sid, event }: LinkEvent<'trigger_closed'>, { now, parent }: DecisionContext): OutgoingCommand[] {
  if (parent === undefined || parent.ended) return [];
  const { triggerId, how, by } = event;
  const id = linkCommandId(sid, 'trigger_closed', triggerId);
  const args = { triggerId, sessionId: sid, how, ...(by === undefined ? {} : { by }) };
  return [commandFor(parent, 'trigger_closed', id, args, { at: now, expiresAt: now + KEPT_MS })];
}

function message({ sid, at, msgId, event }: LinkEvent<'session_message'>, context: DecisionContext): OutgoingCommand[] {
  const { to = '', text, messageId = linkCommandId(sid, msgId) } = event;
  const other = context.child ?? (context.parent?.sid === to ? context.parent : undefined);
  if (other === undefined) return [refused(context, messageId, to, notAChild(to))];
  return send(
    context,
    other,
    'session_message',
    [sid, 'session_message', messageId],
    { from: sid, text },
    {
      ...{ requestId: messageId, expiresAt: at + COMMAND_TTL_MS },
    },
  );
}

function cleanup(
  { sid, msgId, event }: LinkEvent<'cleanup_child_session'>,
  context: DecisionContext,
): OutgoingCommand[] {
  const { sessionId } = event;
  const { now, sender, child } = context;
  if (child === undefined) return [refused(context, sessionId, sessionId, notAChild(sessionId))];
  if (child.ended) return [receiptFor(sender, { requestId: sessionId, to: sessionId }, 'delivered', now)];
  return send(
    context,
    child,
    'kill_session',
    [sid, 'cleanup', sessionId, msgId],
    {},
    {
      ...{ requestId: sessionId, expiresAt: now + KEPT_MS },
    },
  );
}

function unlink({ sid, msgId }: AnyLinkEvent, other: SessionEndpoint, { now }: DecisionContext): OutgoingCommand {
  const id = linkCommandId(sid, 'session_unlinked', other.sid, msgId);
  return commandFor(other, 'session_unlinked', id, { sessionId: sid }, { at: now, expiresAt: now + KEPT_MS });
}

const ENDINGS: Readonly<Record<string, string>> = {
  killed: 'It was ended on request.',
  expired: 'It expired.',
  host_lost: 'Its runner did not reconnect.',
};

/** A child that ended before it could say how its work went. */
function ended(
  { sid, seq, event }: LinkEvent<'session_ended'>,
  { now, sender, parent, hasReported: isTold, guests, linkEnd }: DecisionContext,
): OutgoingCommand[] {
  // Of what a guest began, and what ended with their link, the agent does not hear: it would begin a turn for them.
  if (parent === undefined || parent.ended || isTold === true || linkEnd !== undefined) return [];
  const { reason, message: what } = event;
  const isDone = reason === 'completed';
  const payload = isDone
    ? { text: what ?? '' }
    : { reason, message: what ?? ENDINGS[reason] ?? 'It was ended by an error.' };
  const id = linkCommandId(sid, 'session_ended', String(seq));
  const args = {
    ...{ triggerId: `e_${id.slice(2)}`, kind: isDone ? 'session_complete' : 'session_error', sessionId: sid, payload },
    ...(sender.name === undefined || sender.name === '' ? {} : { name: sender.name }),
  };
  return [commandFor(parent, 'session_trigger', id, args, { at: now, expiresAt: now + KEPT_MS, guests })];
}

const notAChild = (sid: string) => errorInfo('not_linked', `The session ${sid} is not linked to this one`);

function refused(
  { sender, now, guests }: DecisionContext,
  requestId: string,
  to: string,
  error: ErrorInfo,
): OutgoingCommand {
  return receiptFor(sender, { requestId, to, guests }, 'failed', now, error);
}

/** Sends a command whose outcome its sender hears of; or says at once that it comes too late, or to nobody. */
function send<N extends CommandName>(
  { now, sender, guests, linkEnd }: DecisionContext,
  to: SessionEndpoint,
  name: N,
  idOf: string[],
  args: CommandOf<N>['args'],
  { requestId, expiresAt }: { requestId: string; expiresAt: number },
): OutgoingCommand[] {
  const request = { requestId, to: to.sid, guests };
  if (linkEnd !== undefined) return [receiptFor(sender, request, 'failed', now, endedError(linkEnd))];
  if (to.ended) return [receiptFor(sender, request, 'failed', now, errorInfo('session_ended'))];
  if (now >= expiresAt) return [receiptFor(sender, request, 'late', now, errorInfo('command_expired'))];
  const id = linkCommandId(...idOf);
  const sent = commandFor(to, name, id, args, { at: now, expiresAt, guests });
  const pendingCommand = {
    ...{ commandId: id, requestId, from: sender.sid, to: to.sid, rid: to.runnerId },
    ...{ isSpawn: name === 'new_session', at: now, expiresAt },
    ...(guests === undefined ? {} : { guests }),
  };
  return [{ ...sent, pending: pendingCommand }];
}
