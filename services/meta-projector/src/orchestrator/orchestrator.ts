import {
  followDurably,
  RUNNERS_STREAM,
  sendCommand,
  SESSIONS_STREAM,
  type Backbone,
  type StoredRecord,
} from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { CodedError, guestUserId, type CommandOf, type SessionEvent } from '@pizzapi/protocol';
import { outcomeOf, overdue, type Told } from './awaiting.js';
import { isLinkCommand, receiptFor, type Awaited, type Send } from './commands.js';
import { decide } from './decide.js';
import { eventOf, FACT_TYPES, factOf, resultOf, type AnyFact, type Result } from './facts.js';
import type { Meters } from '../meters.js';
import { persist } from '../persist.js';
import { trailOf, type Trail } from '../trail.js';
import { Links } from './links.js';
import { partyOf, surroundingsOf } from './surroundings.js';
import { WaitingRoom } from './waitingRoom.js';

/** What its durable consumers are called. */
const NAME = 'orchestrator';
/** How often it looks for commands that have waited for long, in ms. */
const TICK_MS = 1_000;

export interface OrchestratorOptions {
  backbone: Backbone;
  log: Logger;
  meters: Pick<Meters, 'links'>;
  /** ms since epoch; injected in tests. */
  now?: () => number;
  tickMs?: number;
  /** Told once facts are read. */
  onReading?: () => void;
}

/**
 * Carries over what linked sessions ask of each other: each fact on the log of one becomes one command for the host of
 * the other, with an id that is made of the fact, so that a fact that is read again is still one effect. What became of
 * it is told to the sender. It never waits for a host: what is not answered yet is in the waiting room.
 */
export class Orchestrator {
  private readonly now: () => number;
  private readonly links: Links;
  private readonly room: WaitingRoom;
  private readonly trail: Trail;

  constructor(private readonly options: OrchestratorOptions) {
    this.now = options.now ?? Date.now;
    this.links = new Links(options.backbone);
    this.room = new WaitingRoom(options.backbone);
    this.trail = trailOf(options.backbone, options.log);
  }

  /** Until the signal aborts. Throws what is a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const { backbone, log, onReading } = this.options;
    await persist(signal, log, () => this.room.load());
    if (signal.aborted) return;
    let waiting = 2;
    const onOpen = () => {
      if (--waiting === 0) onReading?.();
    };
    const types = [...FACT_TYPES, 'command_result'];
    await Promise.all([
      followDurably(backbone, SESSIONS_STREAM, {
        ...{ name: NAME, types, signal, onOpen },
        onEvent: (record) => this.guard(record, () => this.onSessionEvent(record)),
      }),
      followDurably(backbone, RUNNERS_STREAM, {
        ...{ name: NAME, types: ['command_result'], signal, onOpen },
        onEvent: (record) =>
          this.guard(record, async () => {
            const result = resultOf(record);
            if (result !== undefined) await this.settle(result);
          }),
      }),
      this.ticking(signal),
    ]);
  }

  /** What passes is tried again; a fact that cannot be carried over must not hold up the others. */
  private async guard({ seq, subject, type }: StoredRecord, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (err instanceof CodedError && err.code === 'unavailable') throw err;
      this.options.log.error({ err, seq, subject, type }, 'a fact is not carried over');
    }
  }

  private async onSessionEvent(record: StoredRecord): Promise<void> {
    const event = eventOf(record);
    if (event === undefined) return;
    if (event.type === 'command_result') return this.settle(event);
    const fact = factOf(record, event);
    if (fact !== undefined) await this.handle(fact);
  }

  private async handle(fact: AnyFact): Promise<void> {
    const { backbone, log } = this.options;
    const { sid, event } = fact;
    if (event.type === 'session_started') return this.begun(sid, event);
    const around = await surroundingsOf(backbone, this.links, fact, this.now());
    if (around === undefined) return;
    const sends = decide(fact, around);
    for (const send of sends) await this.send(send, around.sender.userId, sid);
    if (sends.length > 0) log.debug({ sid, type: event.type, sent: sends.map(({ command }) => command.name) }, 'link');
    if (event.type === 'delink_own_parent') await this.links.end(sid);
    if (event.type === 'delink_children') {
      for (const child of around.children ?? []) await this.links.end(child.sid);
    }
  }

  /** A child is there, whatever its runner says of it later. */
  private async begun(sid: string, event: Extract<SessionEvent, { type: 'session_started' }>): Promise<void> {
    const spawn = event.parentSessionId === undefined ? undefined : this.room.spawnOf(sid);
    if (spawn !== undefined) await this.tell(spawn, { outcome: 'delivered' }, 'over');
  }

  private async settle(result: Result): Promise<void> {
    if (!isLinkCommand(result.commandId)) return;
    const awaited = this.room.get(result.commandId);
    if (awaited === undefined) return;
    const told = outcomeOf(result);
    if (awaited.isSpawn && told.outcome !== 'delivered') await this.links.end(awaited.to);
    await this.tell(awaited, told, 'over');
  }

  /** The row before the command: what is sent is waited for, whoever goes on from here. */
  private async send({ rid, command, awaited }: Send, userId: string, sid: string): Promise<void> {
    const { backbone } = this.options;
    if (awaited?.isSpawn === true) {
      const { to, guests } = awaited;
      await this.links.make(to, { parent: sid, userId, rid, ...(guests === undefined ? {} : { guests }) });
    }
    const isNew = awaited !== undefined && (await this.room.add(awaited));
    const outcome = await sendCommand(backbone, rid, command);
    if (outcome.kind === 'unavailable') throw new CodedError('unavailable', 'A command was not sent');
    if (outcome.kind === 'stored') {
      this.count(command);
      if (command.name === 'new_session') this.note(command, rid, sid);
    }
    // Sent by somebody who waited for it and has heard of it.
    if (outcome.kind === 'duplicate' && isNew) await this.room.remove(awaited);
  }

  /** A session that guests had started belongs to the account, and the trail says whose doing it was. */
  private note({ args: { sessionId }, by }: CommandOf<'new_session'>, runnerId: string, parent: string): void {
    const { userId, guests = [] } = by;
    for (const { shareId, name } of guests) {
      const who = { shareId, guest: name, guestId: guestUserId(shareId) };
      this.trail('guest_spawn', { userId, runnerId, sessionId, parentSessionId: parent, ...who });
    }
  }

  private count(command: Send['command']): void {
    const { sent, receipts } = this.options.meters.links;
    if (command.name === 'link_receipt') receipts.inc({ outcome: command.args.outcome });
    else sent.inc({ command: command.name });
  }

  private async tell(awaited: Awaited, { outcome, error }: Told, then: 'over' | 'queued' | 'failed'): Promise<void> {
    const { backbone } = this.options;
    const sender = await partyOf(backbone, awaited.from);
    if (sender !== undefined && !sender.ended) {
      const { rid, command } = receiptFor(sender, awaited, outcome, this.now(), error);
      const sent = await sendCommand(backbone, rid, command);
      if (sent.kind === 'unavailable') throw new CodedError('unavailable', 'A receipt was not sent');
      if (sent.kind === 'stored') this.count(command);
    }
    if (then === 'over') await this.room.remove(awaited);
    else await this.room.told(awaited, then);
  }

  private async ticking(signal: AbortSignal): Promise<void> {
    const { log, tickMs = TICK_MS } = this.options;
    while (!signal.aborted) {
      await sleep(tickMs, signal);
      this.options.meters.links.waiting.set(this.room.all.length);
      for (const awaited of this.room.all) {
        if (signal.aborted) return;
        try {
          await this.look(awaited);
        } catch (error) {
          if (!(error instanceof CodedError)) throw error;
          log.warn({ err: error, commandId: awaited.commandId }, 'a receipt is not told yet; trying again');
        }
      }
    }
  }

  private async look(awaited: Awaited): Promise<void> {
    const due = overdue(awaited, this.now());
    if (due === undefined) return;
    if (due === 'over') return this.room.remove(awaited);
    await this.tell(awaited, due.told, due.over ? 'over' : due.told.outcome === 'queued' ? 'queued' : 'failed');
  }
}
