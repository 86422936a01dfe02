import { CodedError, decode, isCommand, subjects, type Command } from '@pizzapi/protocol';
import type { Backbone } from './connection.js';
import { consumeStream } from './consume.js';
import { COMMANDS_STREAM } from './streams.js';

export interface ReadCommandsOptions {
  /** Commands after this offset: the ledger's cursor. */
  after: number;
  signal: AbortSignal;
  /** One command at a time, in order. The next waits for the promise; an error ends the reading. */
  onCommand: (command: Command, seq: number) => Promise<void> | void;
  /** Something on the runner's subject that is no command. It is passed over. `commandId` where one can be read. */
  onPoison: (problem: { seq: number; commandId?: string; value: unknown }) => Promise<void> | void;
}

/** Reads the commands of a runner from a cursor on, until the signal aborts. May bring one again: ask the ledger. */
export function readCommands(b: Backbone, rid: string, options: ReadCommandsOptions): Promise<void> {
  const { after, signal } = options;
  return consumeStream(b, COMMANDS_STREAM, {
    after,
    signal,
    filter: subjects.runnerCommands(rid),
    name: rid,
    onBatch: async (records) => {
      for (const { seq, payload } of records) {
        if (signal.aborted) return;
        const value = decoded(payload);
        if (isCommand(value)) await options.onCommand(value, seq);
        else await options.onPoison(poison(seq, value));
      }
    },
  });
}

function decoded(payload: Uint8Array): unknown {
  try {
    return decode(payload);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

function poison(seq: number, value: unknown): { seq: number; commandId?: string; value: unknown } {
  const id = (value as { commandId?: unknown } | null | undefined)?.commandId;
  return typeof id === 'string' ? { seq, commandId: id, value } : { seq, value };
}
