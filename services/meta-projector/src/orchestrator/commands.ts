import { createHash } from 'node:crypto';
import type { Command, CommandName, CommandOf, ErrorInfo, GuestRef, LinkOutcome } from '@pizzapi/protocol';

/** Ids of commands that linked sessions send each other begin so. */
const PREFIX = 'l_';

/** A session, as far as it matters to whoever sends it something. */
export interface SessionEndpoint {
  sid: string;
  userId: string;
  /** Its host. */
  runnerId: string;
  ended: boolean;
  name?: string | undefined;
}

/** What waits for the result of a command, to tell its sender. */
export interface PendingCommand {
  commandId: string;
  /** What the sender knows it by: the trigger's, spawn's or message's id, or the child's. */
  requestId: string;
  /** Whose log asked for it. */
  from: string;
  /** The session it is for. */
  to: string;
  /** The runner that carries it out. */
  rid: string;
  isSpawn: boolean;
  /** ms since epoch: when it was sent, and until when it may be carried out. */
  at: number;
  expiresAt: number;
  /** What its sender has been told already. */
  told?: 'queued' | 'failed' | undefined;
  /** The guests for whom its sender asked. */
  guests?: GuestRef[] | undefined;
}

/** A command and where it goes. */
export interface OutgoingCommand {
  rid: string;
  command: Command;
  /** Its outcome is told to who asked for it. */
  pending?: PendingCommand;
}

/** The id of a command for a fact: the same whoever sends it, and however often. */
export function linkCommandId(...parts: string[]): string {
  return `${PREFIX}${createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 40)}`;
}

/** Whether a command may be one that a linked session sent. */
export const isLinkCommand = (commandId: string): boolean => commandId.startsWith(PREFIX);

/** When a command is sent, and until when it may be carried out, in ms since epoch; and for which guests, if any. */
export interface Sending {
  at: number;
  expiresAt: number;
  guests?: GuestRef[] | undefined;
}

/** A command in the name of an agent, for a session. */
export function commandFor<N extends CommandName>(
  to: SessionEndpoint,
  name: N,
  id: string,
  args: CommandOf<N>['args'],
  { at, expiresAt, guests = [] }: Sending,
): OutgoingCommand {
  const by = { userId: to.userId, via: 'agent' as const, ...(guests.length === 0 ? {} : { guests }) };
  const session = name === 'new_session' ? {} : { sessionId: to.sid };
  const command = { commandId: id, name, args, by, at, expiresAt, ...session } as unknown as Command;
  return { rid: to.runnerId, command };
}

/** How long what is true whenever it comes is kept for a host that is away, in ms: the stream keeps it for a day. */
export const KEPT_MS = 12 * 60 * 60_000;

/** Tells a session what became of something it sent. Each outcome is told once. */
export function receiptFor(
  sender: SessionEndpoint,
  {
    requestId,
    to,
    commandId = '',
    guests,
  }: Pick<PendingCommand, 'requestId' | 'to' | 'guests'> & { commandId?: string },
  outcome: LinkOutcome,
  now: number,
  error?: ErrorInfo | { code: string; message: string },
): OutgoingCommand {
  const id = linkCommandId(sender.sid, 'receipt', requestId, to, commandId, outcome);
  const args = { requestId, to, outcome, ...(error === undefined ? {} : { error }) };
  return commandFor(sender, 'link_receipt', id, args, { at: now, expiresAt: now + KEPT_MS, guests });
}
