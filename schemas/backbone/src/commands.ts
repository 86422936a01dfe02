import { isCommand, subjects, tryDecode, type Command, type TraceContext } from '@pizzapi/protocol';
import type { Msg } from '@nats-io/nats-core';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { isStoredOn, readTrace, storedFromHeaders } from './message.js';
import { readCommandPage } from './storedCommands.js';

/** A lost message shows by the next one; a reader asks for the last one after so long, in ms. */
const ASK_EVERY_MS = 30_000;
/** Live commands held while one is carried out. The reader fetches more of them from the stream. */
const MAX_HELD = 256;

export interface ReadCommandsOptions {
  /** Commands after this offset: the ledger's cursor. */
  after: number;
  signal: AbortSignal;
  /**
   * One command at a time, in order. The next waits for the promise; an error ends the reading. A command that is fetched
   * from the stream comes without its trace.
   */
  onCommand: (command: Command, seq: number, trace?: TraceContext) => Promise<void> | void;
  /** Something on the runner's subject that is no command. It is passed over. `commandId` where one can be read. */
  onPoison: (problem: { seq: number; commandId?: string; value: unknown }) => Promise<void> | void;
}

/**
 * Reads the commands of a runner from a cursor on, until the signal aborts. The reader subscribes to what the server
 * republishes as it stores it, and fetches what is missing: at the start, after a hole, after every reconnect and at
 * intervals. May bring one again: ask the ledger.
 */
export function readCommands(b: Backbone, rid: string, options: ReadCommandsOptions): Promise<void> {
  return new CommandReader(internals(b), rid, options).run();
}

class CommandReader {
  private readonly subject: string;
  private position: number;
  private held: { seq: number; prevSeq: number; bytes: Uint8Array; text: string }[] = [];
  /** Commands may be missing behind the position. */
  private isBehind = true;
  private wake: () => void = () => undefined;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly rid: string,
    private readonly options: ReadCommandsOptions,
  ) {
    this.subject = subjects.runnerCommands(rid);
    this.position = options.after;
  }

  async run(): Promise<void> {
    const { connection, options, rid } = this;
    const { signal } = options;
    const fallBehind = (): void => {
      this.isBehind = true;
      this.wake();
    };
    const live = connection.nc.subscribe(subjects.liveRunnerCommands(rid), {
      callback: (err, msg) => (err === null ? this.receive(msg) : fallBehind()),
    });
    const off = connection.onStatus(fallBehind);
    const timer = setInterval(fallBehind, ASK_EVERY_MS);
    timer.unref();
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort);
    try {
      await this.subscribed();
      while (!this.isOver()) {
        if (this.isBehind) await this.catchUp();
        else if (this.held.length > 0) await this.takeHeld();
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      clearInterval(timer);
      off();
      if (!connection.nc.isClosed()) live.unsubscribe();
    }
  }

  private isOver(): boolean {
    return this.options.signal.aborted || this.connection.status() === 'closed';
  }

  /** A command that is stored before the subscription stands is fetched; one that is stored later arrives. */
  private async subscribed(): Promise<void> {
    await this.connection.whileConnected(this.connection.nc.flush()).catch(() => undefined);
  }

  /** Fetches what the stream holds behind the position. */
  private async catchUp(): Promise<void> {
    const { connection, options, rid } = this;
    const retry = new RetryDelay();
    while (!this.isOver()) {
      this.isBehind = false;
      const page = await readCommandPage(connection, rid, this.position);
      if (page.kind === 'unavailable') {
        this.isBehind = true;
        await connection.connected(options.signal);
        await retry.wait(options.signal);
        continue;
      }
      retry.reset();
      // The stream ends before the position: it is another one than it was.
      if (page.end < this.position) {
        this.position = 0;
        continue;
      }
      for (const { seq, bytes } of page.commands) {
        if (this.isOver()) return;
        await this.handle(seq, bytes);
      }
      this.position = Math.max(this.position, page.next);
      if (!page.more) return;
    }
  }

  private receive(msg: Msg): void {
    const message = storedFromHeaders(msg);
    // A host may name this subject for a reply. What the server republishes names the subject that it stored it on.
    if (!isStoredOn(message, this.subject) || !message.isGenuineOn(this.subject)) {
      this.connection.counters.foreignMessages++;
      return;
    }
    const { seq, prevSeq, payload, text } = message;
    if (this.held.length < MAX_HELD) this.held.push({ seq, prevSeq, bytes: payload, text });
    else this.isBehind = true;
    this.wake();
  }

  private async takeHeld(): Promise<void> {
    const { seq, prevSeq, bytes, text } = this.held.shift()!;
    if (seq <= this.position) return;
    if (prevSeq > this.position) {
      this.connection.counters.gapsFilled++;
      this.isBehind = true;
      return;
    }
    await this.handle(seq, bytes, readTrace(text));
  }

  private async handle(seq: number, bytes: Uint8Array, trace?: TraceContext): Promise<void> {
    if (seq <= this.position) return;
    const value = tryDecode(bytes);
    if (isCommand(value)) await this.options.onCommand(value, seq, trace);
    else await this.options.onPoison(poison(seq, value));
    this.position = seq;
  }
}

function poison(seq: number, value: unknown): { seq: number; commandId?: string; value: unknown } {
  const id = (value as { commandId?: unknown } | null | undefined)?.commandId;
  return typeof id === 'string' ? { seq, commandId: id, value } : { seq, value };
}
