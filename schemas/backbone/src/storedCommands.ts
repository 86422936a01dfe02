import { subjects, type HostApiReplies } from '@pizzapi/protocol';
import { askOnce } from './askOnce.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { batchOf } from './direct.js';
import { COMMANDS_STREAM } from './streams.js';

/** Commands in one page, at most, and about how many bytes: a page has to fit into one message. */
export const PAGE_COMMANDS = 64;
const PAGE_BYTES = 512 * 1024;

/** Commands in order; `next` is the offset to go on from, `end` the last offset of the stream. */
export type CommandPage = Omit<HostApiReplies['commands_after'], 'kind'> & { next: number };
export type CommandPageOutcome = ({ kind: 'read' } & CommandPage) | { kind: 'unavailable' };

/** Reads the commands to a runner after an offset: from the stream, or for a host from the authenticator. */
export async function readCommandPage(
  connection: BackboneConnection,
  rid: string,
  after: number,
): Promise<CommandPageOutcome> {
  if (connection.host === undefined) return readStream(connection, rid, after);
  const answer = await askOnce(connection, { kind: 'runner', rid }, 'commands_after', { after });
  return answer === undefined ? { kind: 'unavailable' } : { ...answer, kind: 'read' };
}

/** `readCommandPage` for the authenticator, which answers hosts with it. */
export function storedCommandsAfter(b: Backbone, rid: string, after: number): Promise<CommandPageOutcome> {
  return readStream(internals(b), rid, after);
}

async function readStream(connection: BackboneConnection, rid: string, after: number): Promise<CommandPageOutcome> {
  const subject = subjects.runnerCommands(rid);
  const read = await batchOf(connection, COMMANDS_STREAM, subject, after + 1, PAGE_COMMANDS, PAGE_BYTES);
  if (read.kind === 'unavailable') return read;
  const { messages, pending } = read;
  if (messages.length === 0) {
    const end = after === 0 ? 0 : await endOf(connection);
    return end === undefined ? { kind: 'unavailable' } : { kind: 'read', commands: [], more: false, next: after, end };
  }
  // A command that does not fit beside those before it comes with the next page.
  let bytes = 0;
  const fitting = messages.filter(({ payload }, index) => index === 0 || (bytes += payload.length) <= PAGE_BYTES);
  const next = fitting.at(-1)!.seq;
  const commands = fitting.filter((message) => message.isGenuineOn(subject));
  connection.counters.foreignMessages += fitting.length - commands.length;
  return {
    kind: 'read',
    commands: commands.map(({ seq, payload }) => ({ seq, bytes: payload })),
    more: pending > 0 || fitting.length < messages.length,
    next,
    end: messages.at(-1)!.seq,
  };
}

async function endOf(connection: BackboneConnection): Promise<number | undefined> {
  const info = connection.whileConnected(connection.jsm.streams.info(COMMANDS_STREAM));
  return info.then(
    ({ state }) => state.last_seq,
    () => undefined,
  );
}
