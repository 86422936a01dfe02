import type { Logger } from '@pizzapi/process';
import {
  CodedError,
  MAX_TERMINAL_VIEWERS,
  newId,
  TERMINAL_CHUNK_BYTES,
  TERMINAL_RING_BYTES,
  TERMINAL_WINDOW_BYTES,
  type ErrorInfo,
  type TerminalMessage,
  type TerminalState,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { DrainWaiter } from '../room/backpressure.js';
import { CatchUp } from '../room/catchUp.js';
import { Ring } from '../room/ring.js';
import { controlFrame, FrameWriter } from '../wire/frame.js';
import { Packet } from '../wire/packet.js';
import { cutOutput, KeptOutput, resetFrame } from './keptOutput.js';
import { cleaned } from './shownState.js';
import type { TerminalSource } from './terminalSource.js';
import type { TerminalWatcher } from './terminalWatcher.js';

/** How often the host is told who watches, at least, in ms. It forgets a gateway after 30 s. */
const REPORT_MS = 10_000;
/** How long the room waits before it asks a host again that could not be reached, in ms. */
const AGAIN_MS = 1_000;
/** Answers after which asking again is of no use. */
export const FINAL_ANSWERS: readonly string[] = [
  ...['terminal_unknown', 'right_missing', 'runner_not_found', 'method_unknown', 'invalid_id'],
];

/** The bounds of watching a terminal, in bytes. */
export const TERMINAL_LIMITS = {
  /** The latest output, ready to be sent. */
  ringBytes: TERMINAL_RING_BYTES,
  /** Above this many bytes unsent or untaken a viewer is parked: only its offset is kept. */
  parkBytes: TERMINAL_WINDOW_BYTES,
  /** One message during a replay. */
  chunkBytes: TERMINAL_CHUNK_BYTES,
  /** The host is told how far the writer has got after so many bytes. */
  takenBytes: 2 * TERMINAL_CHUNK_BYTES,
};

export interface TerminalRoomOptions {
  limits?: typeof TERMINAL_LIMITS;
  terminalId: string;
  host: TerminalSource;
  flow: DrainWaiter;
  /** Writes a row of the audit log: the person has the keyboard now. */
  recordKeyboard: (principal: Principal) => void;
  log: Logger;
  /** No viewer is left, or the terminal is over. */
  onOver: () => void;
}

/**
 * The viewers of one terminal at this gateway: one subscription for all, and one frame for each message of the host. Tells the
 * host who watches and how far the writer has got, and asks it for what was missed.
 */
export class TerminalRoom {
  private readonly watchers = new Set<TerminalWatcher>();
  private readonly ring: Ring;
  private readonly limits: typeof TERMINAL_LIMITS;
  private readonly catchUp: CatchUp<TerminalWatcher>;
  private readonly kept: KeptOutput;
  private readonly writer = new FrameWriter();
  /** Names this room at the host. A later room of this gateway has another name: their reports may cross. */
  private readonly gateway = newId('gw');
  private readonly stopFollowing: () => void;
  private current: TerminalState | undefined;
  private reporting: Promise<ErrorInfo | undefined> | undefined;
  private isStale = false;
  private reported = 0;
  private timer: NodeJS.Timeout | undefined;
  private repairing = false;
  /** The byte that the output has reached at the host, as far as is known. */
  private reached = 0;
  private isLost = false;
  private over = false;
  private holders = 0;
  private readonly waiting: (() => void)[] = [];
  /** Watchers that have asked for the keyboard: that has a row in the audit log already. */
  private readonly asking = new Set<string>();

  constructor(
    private readonly options: TerminalRoomOptions,
    private readonly opener: Principal,
  ) {
    const { host, flow, limits = TERMINAL_LIMITS } = options;
    this.limits = limits;
    this.ring = new Ring(0, limits.ringBytes);
    const read = (after: number) => host.call(this.principal, 'terminal_output', { after });
    this.kept = new KeptOutput(read, limits.chunkBytes);
    this.catchUp = new CatchUp<TerminalWatcher>({
      ...{ ring: this.ring, flow, limits },
      older: (after, upTo) => this.kept.next(after, upTo),
      cut: cutOutput,
      onParked: () => undefined,
      onLive: (watcher) => this.nowLive(watcher),
      onReplayed: () => this.progressed(),
      onDelivered: () => this.progressed(),
    });
    const stop = [host.follow((message) => this.heard(message)), host.onChange(() => this.reportSoon())];
    this.stopFollowing = () => stop.forEach((one) => one());
  }

  get host(): TerminalSource {
    return this.options.host;
  }

  /** Keeps the room open until `release` is called as often. */
  hold(): void {
    this.holders++;
  }

  release(): void {
    if (--this.holders === 0) this.close();
  }

  /** Asks the host what the terminal is now. Throws what it refuses it with. */
  async open(): Promise<TerminalState> {
    const error = await this.report();
    if (error !== undefined) throw Object.assign(new CodedError(error.code), { message: error.message });
    return this.current!;
  }

  /** Adds a viewer and begins its replay after a byte. */
  async join(watcher: TerminalWatcher, after: number): Promise<void> {
    if (this.over) throw new CodedError('terminal_unknown');
    if (this.watchers.size >= MAX_TERMINAL_VIEWERS) return watcher.wire.close('too_many');
    watcher.position = after;
    this.watchers.add(watcher);
    const error = await this.report();
    if (error !== undefined) throw Object.assign(new CodedError(error.code), { message: error.message });
    if (!this.watchers.has(watcher)) return;
    const { first, head } = this.current!;
    if (after > Math.max(head, this.ring.last)) {
      watcher.position = first;
      watcher.wire.send({ type: 'terminal_reset', first });
    }
    watcher.wire.begin(watcher.position);
    await this.reach(watcher.position);
    await this.catchUp.fill(watcher);
  }

  leave(watcher: TerminalWatcher): void {
    if (!this.watchers.delete(watcher)) return;
    this.catchUp.leave(watcher);
    if (!this.over) void this.report();
  }

  /** The client of a viewer has got so far. */
  taken(watcher: TerminalWatcher, n: number): void {
    watcher.wire.take(n);
    this.options.flow.recheck(watcher.wire);
  }

  /** Gives the keyboard to a viewer. Returns why not. */
  async takeKeyboard({ viewer, principal }: TerminalWatcher): Promise<ErrorInfo | undefined> {
    this.asking.add(viewer.viewer);
    const outcome = await this.options.host.call(principal, 'take_keyboard', { viewer: viewer.viewer });
    return outcome.kind === 'refused' ? outcome.error : undefined;
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.stopFollowing();
    this.catchUp.close();
    for (const wake of this.waiting.splice(0)) wake();
    this.options.onOver();
  }

  /** In whose name the room asks: all its viewers have one account. */
  private get principal(): Principal {
    for (const { principal } of this.watchers) return principal;
    return this.opener;
  }

  private heard(message: TerminalMessage): void {
    if (this.current === undefined || this.over) return;
    if (message.kind === 'state') return this.changed(cleaned(message.state));
    const { n, bytes } = message;
    this.reached = Math.max(this.reached, n);
    const { last } = this.ring;
    const begins = n - bytes.byteLength;
    // A repair reads it from the host.
    if (n <= last || this.repairing) return;
    if (begins > last) return void this.repair();
    this.print(n, bytes.subarray(last - begins));
    this.catchUp.flush();
  }

  private print(n: number, output: Uint8Array): void {
    const frame = this.writer.terminalData(n, output);
    this.ring.push(frame);
    this.catchUp.ringChanged();
    if (this.catchUp.live.size > 0) this.catchUp.push(frame);
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Waits until this gateway has the output up to a byte that the host has reached. */
  private async reach(n: number): Promise<void> {
    while (this.ring.last < n && !this.over) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        if (!this.repairing) void this.repair();
      });
    }
  }

  /** Reads what was missed from the host, until nothing is missing. */
  private async repair(): Promise<void> {
    if (this.repairing || this.over) return;
    this.repairing = true;
    try {
      while (this.ring.last < this.reached && !this.over) {
        const { n, bytes } = await this.kept.ask(this.ring.last);
        const output = Buffer.from(bytes, 'base64');
        if (output.byteLength === 0) break;
        const begins = n - output.byteLength;
        if (begins > this.ring.last) this.skipTo(begins);
        const known = this.ring.last - begins;
        for (let at = known; at < output.byteLength; at += this.limits.chunkBytes) {
          const part = output.subarray(at, at + this.limits.chunkBytes);
          this.print(begins + at + part.byteLength, part);
        }
        this.catchUp.flush();
      }
    } catch (error) {
      // The next report finds out what the host is up to, and begins another repair.
      this.options.log.debug({ err: error }, 'output of a terminal could not be read');
      this.reportIn(AGAIN_MS);
    } finally {
      this.repairing = false;
    }
    this.finish();
  }

  /** The host no longer has what follows the ring: those who are live begin again after `first`. */
  private skipTo(first: number): void {
    this.ring.restart(first);
    this.catchUp.ringChanged();
    if (this.catchUp.live.size > 0) this.catchUp.push(resetFrame(first));
  }

  /** Tells the host who watches here, and learns what the terminal is. Returns why that failed. One at a time. */
  private report(): Promise<ErrorInfo | undefined> {
    this.isStale = true;
    return (this.reporting ??= this.reportAll().finally(() => (this.reporting = undefined)));
  }

  private async reportAll(): Promise<ErrorInfo | undefined> {
    clearTimeout(this.timer);
    let error: ErrorInfo | undefined;
    while (this.isStale || (error === undefined && this.hasProgressed)) {
      this.isStale = false;
      const viewers = [...new Map([...this.watchers].map(({ viewer }) => [viewer.viewer, viewer])).values()];
      this.reported = this.furthest();
      const asked = { gateway: this.gateway, viewers, taken: this.reported };
      const outcome = await this.options.host.call(this.principal, 'watch_terminal', asked);
      error = outcome.kind === 'refused' ? outcome.error : undefined;
      if (outcome.kind === 'ok') this.watched(outcome.reply);
    }
    if (this.over) return error;
    if (error !== undefined && this.current !== undefined) this.refused(error);
    if (this.watchers.size > 0) this.reportIn(error === undefined ? REPORT_MS : AGAIN_MS);
    return error;
  }

  private reportIn(ms: number): void {
    if (this.over) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.report(), ms).unref();
  }

  private watched(given: TerminalState): void {
    const state = cleaned(given);
    const isFirst = this.current === undefined;
    if (isFirst) this.ring.restart(state.head);
    if (this.isLost) this.setLost(false);
    this.changed(state);
    this.reached = Math.max(this.reached, state.head);
    // What was printed before this gateway watched is not published.
    if (this.ring.last < state.head) void this.repair();
  }

  private refused(error: ErrorInfo): void {
    if (!FINAL_ANSWERS.includes(error.code)) return this.setLost(true);
    this.options.log.info({ terminalId: this.options.terminalId, code: error.code }, 'a terminal is over');
    this.endAll({ type: 'terminal_error', code: error.code, message: error.message }, 'terminal_gone');
  }

  private setLost(isLost: boolean): void {
    if (this.isLost === isLost) return;
    this.isLost = isLost;
    this.broadcast({ type: 'host', state: isLost ? 'lost' : 'connected' });
  }

  private changed(state: TerminalState): void {
    const before = this.current;
    if (before !== undefined && state.no < before.no) return;
    this.current = state;
    if (before?.no === state.no) return;
    const { cols, rows, writer, viewers, name } = state;
    this.broadcast({ type: 'terminal_state', cols, rows, writer, viewers, name });
    if (writer !== null && writer.viewer !== before?.writer?.viewer) this.recordWriter(writer.viewer);
    this.reached = Math.max(this.reached, state.head);
    // A daemon that was started again does not know who watches.
    const isKnown = (viewer: string) => viewers.some((one) => one.viewer === viewer);
    if (![...this.watchers].every((watcher) => isKnown(watcher.viewer.viewer))) this.reportSoon();
    this.finish();
  }

  /** Reports, unless a report is under way. */
  private reportSoon(): void {
    if (this.reporting === undefined && !this.over) void this.report();
  }

  /** A viewer of this gateway has the keyboard without having asked for it: it was free. */
  private recordWriter(viewer: string): void {
    if (this.asking.delete(viewer)) return;
    const watcher = [...this.watchers].find((one) => one.viewer.viewer === viewer);
    if (watcher === undefined) return;
    this.options.recordKeyboard(watcher.principal);
  }

  private nowLive(watcher: TerminalWatcher): void {
    if (!watcher.announced) {
      watcher.announced = true;
      watcher.wire.send({ type: 'terminal_ready', n: watcher.position, viewer: watcher.viewer.viewer });
    }
    this.finish();
  }

  /** The shell has ended: those who have all its output are told how. */
  private finish(): void {
    const { current, ring } = this;
    if (current?.exit === undefined || this.over) return;
    if (ring.last < current.head) return void this.repair();
    this.catchUp.flush();
    const frame = { type: 'terminal_exit', ...current.exit };
    for (const watcher of [...this.catchUp.live]) {
      watcher.wire.send(frame);
      watcher.wire.close('normal');
      this.leave(watcher);
    }
  }

  private broadcast(frame: object): void {
    if (this.watchers.size === 0) return;
    this.catchUp.flush();
    const packet = new Packet([controlFrame(frame)]);
    for (const { wire } of this.watchers) wire.write(packet);
  }

  private endAll(frame: object, name: 'terminal_gone'): void {
    this.broadcast(frame);
    for (const watcher of [...this.watchers]) {
      watcher.wire.close(name);
      this.catchUp.leave(watcher);
    }
    this.watchers.clear();
    this.close();
  }

  /** The byte that the writer has got to; where the writer is elsewhere, the viewer that has got furthest. */
  private furthest(): number {
    const all = [...this.watchers];
    const writer = this.current?.writer?.viewer;
    const own = all.filter(({ viewer }) => viewer.viewer === writer);
    const furthest = Math.max(0, ...(own.length > 0 ? own : all).map(({ position }) => position));
    return Math.min(furthest, this.reached);
  }

  private get hasProgressed(): boolean {
    return this.furthest() - this.reported >= this.limits.takenBytes;
  }

  private progressed(): void {
    if (this.hasProgressed) this.reportSoon();
  }
}
