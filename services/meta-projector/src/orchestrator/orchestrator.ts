import {
  consumeDurably,
  logStreams,
  RUNNERS_STREAM,
  sendCommand,
  type Backbone,
  type StoredRecord,
  createAuditWriter,
  type AuditWriter,
} from '@pizzapi/backbone';
import { retryWhileUnavailable, sleep, type Logger } from '@pizzapi/process';
import { CodedError, guestUserId, type CommandOf, type SessionEvent } from '@pizzapi/protocol';
import { outcomeOf, receiptWhenOverdue, type ReceiptOutcome } from './receipts.js';
import { isLinkCommand, receiptFor, type PendingCommand, type OutgoingCommand } from './commands.js';
import { decide } from './decide.js';
import {
  eventOf,
  LINK_EVENT_TYPES,
  linkEventOf,
  resultOf,
  type AnyLinkEvent,
  type LinkCommandResult,
} from './linkEvents.js';
import type { ProjectorMetrics } from '../metrics.js';
import { ParentLinks } from './parentLinks.js';
import { endpointOf, decisionContextOf } from './decisionContext.js';
import { PendingCommands } from './pendingCommands.js';

/** What its durable consumers are called. */
const NAME = 'orchestrator';
/** How often it looks for commands that have waited for long, in ms. */
const TICK_MS = 1_000;

export interface OrchestratorOptions {
  backbone: Backbone;
  log: Logger;
  metrics: Pick<ProjectorMetrics, 'links'>;
  /** ms since epoch; injected in tests. */
  now?: () => number;
  tickMs?: number;
  /** Called once events are read. */
  onReading?: () => void;
}

/**
 * The process manager of linked sessions: each event in the log of one session becomes one command for the host of the
 * other. The id of the command is derived from the event, so that an event that is read again has one effect. The sender
 * gets a receipt. It never waits for a host: commands without a result are in `PendingCommands`.
 */
export class Orchestrator {
  private readonly now: () => number;
  private readonly links: ParentLinks;
  private readonly pending: PendingCommands;
  private readonly audit: AuditWriter<'guest_spawn'>;

  constructor(private readonly options: OrchestratorOptions) {
    this.now = options.now ?? Date.now;
    this.links = new ParentLinks(options.backbone);
    this.pending = new PendingCommands(options.backbone);
    this.audit = createAuditWriter(options.backbone, options.log);
  }

  /** Until the signal aborts. Throws what is a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const { backbone, log, onReading } = this.options;
    await retryWhileUnavailable({ signal, log }, () => this.pending.load());
    if (signal.aborted) return;
    const streams = logStreams(backbone);
    let waiting = streams.length + 1;
    const onOpen = () => {
      if (--waiting === 0) onReading?.();
    };
    const types = [...LINK_EVENT_TYPES, 'command_result'];
    await Promise.all([
      ...streams.map((stream) =>
        consumeDurably(backbone, stream, {
          ...{ name: NAME, types, signal, onOpen },
          onEvent: (record) => this.guard(record, () => this.onSessionEvent(record)),
        }),
      ),
      consumeDurably(backbone, RUNNERS_STREAM, {
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

  /** Temporary failures are retried. An event that cannot be handled must not hold up the others. */
  private async guard({ seq, subject, type }: StoredRecord, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (err instanceof CodedError && err.code === 'unavailable') throw err;
      this.options.log.error({ err, seq, subject, type }, 'event of a linked session could not be handled; skipped');
    }
  }

  private async onSessionEvent(record: StoredRecord): Promise<void> {
    const event = eventOf(record);
    if (event === undefined) return;
    if (event.type === 'command_result') return this.settle(event);
    const linkEvent = linkEventOf(record, event);
    if (linkEvent !== undefined) await this.handle(linkEvent);
  }

  private async handle(linkEvent: AnyLinkEvent): Promise<void> {
    const { backbone, log } = this.options;
    const { sid, event } = linkEvent;
    if (event.type === 'session_started') return this.onSessionStarted(sid, event);
    const context = await decisionContextOf(backbone, this.links, linkEvent, this.now());
    if (context === undefined) return;
    const sends = decide(linkEvent, context);
    for (const send of sends) await this.send(send, context.sender.userId, sid);
    if (sends.length > 0) log.debug({ sid, type: event.type, sent: sends.map(({ command }) => command.name) }, 'link');
    if (event.type === 'delink_own_parent') await this.links.end(sid);
    if (event.type === 'delink_children') {
      for (const child of context.children ?? []) await this.links.end(child.sid);
    }
  }

  /** A child is there, whatever its runner says of it later. */
  private async onSessionStarted(
    sid: string,
    event: Extract<SessionEvent, { type: 'session_started' }>,
  ): Promise<void> {
    const spawn = event.parentSessionId === undefined ? undefined : this.pending.spawnOf(sid);
    if (spawn !== undefined) await this.sendReceipt(spawn, { outcome: 'delivered' }, 'over');
  }

  private async settle(result: LinkCommandResult): Promise<void> {
    if (!isLinkCommand(result.commandId)) return;
    const pendingCommand = this.pending.get(result.commandId);
    if (pendingCommand === undefined) return;
    const receipt = outcomeOf(result);
    if (pendingCommand.isSpawn && receipt.outcome !== 'delivered') await this.links.end(pendingCommand.to);
    await this.sendReceipt(pendingCommand, receipt, 'over');
  }

  /** Writes the row before the command, so that the next active projector also waits for its result. */
  private async send(
    { rid, command, pending: pendingCommand }: OutgoingCommand,
    userId: string,
    sid: string,
  ): Promise<void> {
    const { backbone } = this.options;
    if (pendingCommand?.isSpawn === true) {
      const { to, guests } = pendingCommand;
      await this.links.make(to, { parent: sid, userId, rid, ...(guests === undefined ? {} : { guests }) });
    }
    const isNew = pendingCommand !== undefined && (await this.pending.add(pendingCommand));
    const outcome = await sendCommand(backbone, rid, command);
    if (outcome.kind === 'unavailable') throw new CodedError('unavailable', 'The command was not sent');
    if (outcome.kind === 'stored') {
      this.count(command);
      if (command.name === 'new_session') this.auditSpawn(command, rid, sid);
    }
    // Another projector has already sent the receipt.
    if (outcome.kind === 'duplicate' && isNew) await this.pending.remove(pendingCommand);
  }

  /** A session that guests started belongs to the account. The audit log names the guests. */
  private auditSpawn({ args: { sessionId }, by }: CommandOf<'new_session'>, runnerId: string, parent: string): void {
    const { userId, guests = [] } = by;
    for (const { shareId, name } of guests) {
      const who = { shareId, guest: name, guestId: guestUserId(shareId) };
      this.audit('guest_spawn', { userId, runnerId, sessionId, parentSessionId: parent, ...who });
    }
  }

  private count(command: OutgoingCommand['command']): void {
    const { sent, receipts } = this.options.metrics.links;
    if (command.name === 'link_receipt') receipts.inc({ outcome: command.args.outcome });
    else sent.inc({ command: command.name });
  }

  private async sendReceipt(
    pendingCommand: PendingCommand,
    { outcome, error }: ReceiptOutcome,
    then: 'over' | 'queued' | 'failed',
  ): Promise<void> {
    const { backbone } = this.options;
    const sender = await endpointOf(backbone, pendingCommand.from);
    if (sender !== undefined && !sender.ended) {
      const { rid, command } = receiptFor(sender, pendingCommand, outcome, this.now(), error);
      const sent = await sendCommand(backbone, rid, command);
      if (sent.kind === 'unavailable') throw new CodedError('unavailable', 'The receipt was not sent');
      if (sent.kind === 'stored') this.count(command);
    }
    if (then === 'over') await this.pending.remove(pendingCommand);
    else await this.pending.recordReceipt(pendingCommand, then);
  }

  private async ticking(signal: AbortSignal): Promise<void> {
    const { log, tickMs = TICK_MS } = this.options;
    while (!signal.aborted) {
      await sleep(tickMs, signal);
      this.options.metrics.links.waiting.set(this.pending.all.length);
      for (const pendingCommand of this.pending.all) {
        if (signal.aborted) return;
        try {
          await this.checkOverdue(pendingCommand);
        } catch (error) {
          if (!(error instanceof CodedError)) throw error;
          log.warn({ err: error, commandId: pendingCommand.commandId }, 'receipt could not be sent; trying again');
        }
      }
    }
  }

  private async checkOverdue(pendingCommand: PendingCommand): Promise<void> {
    const due = receiptWhenOverdue(pendingCommand, this.now());
    if (due === undefined) return;
    if (due === 'over') return this.pending.remove(pendingCommand);
    await this.sendReceipt(
      pendingCommand,
      due.told,
      due.over ? 'over' : due.told.outcome === 'queued' ? 'queued' : 'failed',
    );
  }
}
