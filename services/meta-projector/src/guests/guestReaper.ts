import {
  shareLinkStateOf,
  ownerOf,
  readLease,
  sendCommand,
  type Backbone,
  type Owner,
  createAuditWriter,
  type AuditWriter,
} from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import {
  CodedError,
  guestUserId,
  linkEndText,
  newId,
  type Command,
  type CommandArgs,
  type CommandName,
  type GuestRef,
  type LinkEnd,
  type SessionRow,
} from '@pizzapi/protocol';
import { GuestEndings, type GuestEnding } from './guestEndings.js';

/** How often links are looked at, in ms. */
const TICK_MS = 1_000;
/** How long a command waits for a host that is away, in ms: half of what its stream keeps. */
const WAITS_MS = 12 * 60 * 60_000;

export interface GuestReaperOptions {
  backbone: Backbone;
  log: Logger;
  /** ms since epoch; injected in tests. */
  now?: () => number;
  tickMs?: number;
}

/**
 * Ends what guests began once their link lets them write no more: the sessions that were started in their turns, and
 * what an agent does for them or has waiting. Whether a link stands is read from its row, each time; what a session has
 * of guests, from its log. So it works also when the link ended without an active projector, or while a host was away.
 */
export class GuestReaper {
  private readonly endings = new GuestEndings();
  private readonly now: () => number;
  private readonly audit: AuditWriter<'guest_stopped'>;

  constructor(private readonly options: GuestReaperOptions) {
    this.now = options.now ?? Date.now;
    this.audit = createAuditWriter(options.backbone, options.log);
  }

  /** A session's row as it is now, or undefined when the session was deleted. */
  onRow(sid: string, row: SessionRow | undefined): void {
    this.endings.note(sid, row?.info);
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { backbone, log, tickMs = TICK_MS } = this.options;
    while (!signal.aborted) {
      await sleep(tickMs, signal);
      if (signal.aborted || backbone.status() !== 'connected') continue;
      try {
        await this.look();
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        log.warn({ code: error.code, err: error }, 'guest work could not be checked; retrying');
      }
    }
  }

  private async look(): Promise<void> {
    const { backbone } = this.options;
    const sessions = this.endings.all;
    if (sessions.length === 0) return this.endings.keepOnly([]);
    const owners = new Map<string, Owner>();
    for (const { sid } of sessions) {
      const owner = await ownerOf(backbone, sid);
      if (owner !== undefined) owners.set(sid, owner);
    }
    const ends = new Map<string, LinkEnd>();
    for (const { sid, startedBy, atWork } of sessions) {
      const owner = owners.get(sid);
      for (const guest of owner === undefined ? [] : [...startedBy, ...atWork])
        await this.check(guest, owner!.userId, ends);
    }
    const endings = this.endings.endings(ends);
    this.endings.keepOnly(endings);
    for (const ending of endings) {
      const owner = owners.get(ending.sid);
      if (owner !== undefined) await this.end(ending, owner);
    }
  }

  private async check(guest: GuestRef, userId: string, ends: Map<string, LinkEnd>): Promise<void> {
    if (ends.has(guest.shareId)) return;
    const state = await shareLinkStateOf(this.options.backbone, guest, userId, this.now());
    if (state.kind === 'over') ends.set(guest.shareId, state.why);
  }

  private async end(ending: GuestEnding, { userId, runnerId }: Owner): Promise<void> {
    const { backbone, log } = this.options;
    const { kind, sid, guest, why } = ending;
    const isHosted = (await readLease(backbone, `session.${sid}`)) !== undefined;
    const due = this.endings.due(ending, isHosted, this.now());
    if (due === undefined) return;
    const { shareId, name } = guest;
    const command =
      kind === 'session'
        ? commandOf('kill_session', sid, userId, { message: linkEndText(guest, why) }, this.now())
        : commandOf('guest_left', sid, userId, { shareId, why, ...(name === undefined ? {} : { name }) }, this.now());
    if ((await sendCommand(backbone, runnerId, command)).kind === 'unavailable') return;
    this.endings.recordStopRequest(ending, this.now());
    if (due === 'again') return;
    log.info({ sid, shareId, why, what: kind }, 'stopped the work of a guest whose link ended');
    const who = { shareId, guest: name, guestId: guestUserId(shareId) };
    this.audit('guest_stopped', { userId, sessionId: sid, runnerId, what: kind, why, ...who });
  }
}

function commandOf<N extends CommandName>(
  name: N,
  sessionId: string,
  userId: string,
  args: CommandArgs<N>,
  at: number,
): Command {
  const by = { userId, via: 'system' };
  return { commandId: newId('c'), name, sessionId, args, by, at, expiresAt: at + WAITS_MS } as unknown as Command;
}
