import { isMap, isPresenceList, newId, stringAt, subjects, type Presence } from '@pizzapi/protocol';
import type { GatewayBus } from '../gatewayBus.js';
import { ViewerCounts } from './viewerCounts.js';

/** How often a gateway announces that it runs, in ms. */
const BEAT_MS = 1_000;
/** A gateway that was not heard for so long is gone, and its viewers with it, in ms. */
const GONE_MS = 3_500;

/** Who watches one session at the other gateways. */
export interface PresenceElsewhere {
  /** Publishes who watches the session at this gateway: the list may be cut, `count` is how many there are. */
  publish(own: readonly Presence[], count: number): void;
  viewers(): Presence[];
  close(): void;
}

interface OpenSession {
  own: readonly Presence[];
  elsewhere: Map<string, readonly Presence[]>;
  onChange: () => void;
}

/**
 * Exchanges with the other gateways who watches the sessions that viewers of this gateway have open, and how many watch each
 * session. A gateway that opens a session asks for the lists of the others; the numbers come with the beat. The lists of a gateway that ends without a farewell are dropped after some
 * seconds.
 */
export class PresenceExchange {
  private readonly id = newId('g');
  private readonly sessions = new Map<string, OpenSession>();
  /** When each other gateway was heard last. */
  private readonly heard = new Map<string, number>();
  private readonly counts = new ViewerCounts();
  /** Whether the next beat asks the other gateways for all their counts. */
  private isAskingCounts = true;
  private readonly cleanups: (() => void)[] = [];

  constructor(
    private readonly bus: GatewayBus,
    private readonly now: () => number = Date.now,
  ) {}

  start(): void {
    const beat = setInterval(() => this.beat(), BEAT_MS).unref();
    this.cleanups.push(
      () => clearInterval(beat),
      this.bus.read(subjects.gatewayAlive, (message) => this.receiveBeat(message)),
      this.bus.onGap(() => this.askAgain()),
    );
  }

  /** Announces that the viewers of this gateway are gone. */
  stop(): void {
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    this.bus.send(subjects.gatewayAlive, { from: this.id, isEnding: true });
  }

  open(sid: string, onChange: () => void): PresenceElsewhere {
    const session: OpenSession = { own: [], elsewhere: new Map(), onChange };
    this.sessions.set(sid, session);
    const stop = this.bus.read(subjects.gatewayPresence(sid), (message) => this.receive(sid, session, message));
    this.ask(sid, session);
    return {
      publish: (own, count) => {
        // A room that takes the place of another speaks for this gateway.
        if (this.sessions.get(sid) !== session) return;
        session.own = own;
        this.counts.set(sid, count);
        this.send(sid, session);
      },
      viewers: () => [...session.elsewhere.values()].flat(),
      close: () => {
        stop();
        if (this.sessions.get(sid) === session) this.sessions.delete(sid);
      },
    };
  }

  /** The viewers of a session at the other gateways, as of their last beat. */
  countElsewhere(sid: string): number {
    return this.counts.countElsewhere(sid);
  }

  /** Announces that this gateway runs and what changed of its counts, and drops the lists of gateways that were not heard. */
  beat(): void {
    const counts = this.counts.takeUnsent();
    this.bus.send(subjects.gatewayAlive, {
      from: this.id,
      ...(counts === undefined ? {} : { counts }),
      ...(this.isAskingCounts ? { isAsking: true } : {}),
    });
    this.isAskingCounts = false;
    for (const [gateway, at] of this.heard) if (at + GONE_MS < this.now()) this.drop(gateway);
  }

  private receiveBeat(message: unknown): void {
    const from = this.senderOf(message);
    if (from === undefined || !isMap(message)) return;
    if (message['isEnding'] === true) return this.drop(from);
    if (this.hear(from)) this.askAll();
    if (message['isAsking'] === true) this.counts.sendAgain();
    this.counts.receive(from, message['counts']);
  }

  /** Returns whether the gateway was not heard before: neither of the two has the counts of the other one. */
  private hear(from: string): boolean {
    const isNew = !this.heard.has(from);
    this.heard.set(from, this.now());
    if (!isNew) return false;
    this.isAskingCounts = true;
    this.counts.sendAgain();
    return true;
  }

  /** Messages may have been missed. */
  private askAgain(): void {
    this.counts.clearElsewhere();
    this.counts.sendAgain();
    this.isAskingCounts = true;
    this.askAll();
  }

  private receive(sid: string, session: OpenSession, message: unknown): void {
    const from = this.senderOf(message);
    if (from === undefined || !isMap(message)) return;
    if (message['isAsking'] === true && session.own.length > 0) this.send(sid, session);
    const viewers = message['viewers'];
    if (!isPresenceList(viewers)) return;
    if (!this.heard.has(from)) this.hear(from);
    if (viewers.length > 0) session.elsewhere.set(from, viewers);
    else if (!session.elsewhere.delete(from)) return;
    session.onChange();
  }

  private drop(gateway: string): void {
    this.heard.delete(gateway);
    this.counts.drop(gateway);
    for (const { elsewhere, onChange } of this.sessions.values()) if (elsewhere.delete(gateway)) onChange();
  }

  private askAll(): void {
    for (const [sid, session] of this.sessions) this.ask(sid, session);
  }

  /** Publishes the own list and asks for those of the other gateways. */
  private ask(sid: string, { own }: OpenSession): void {
    this.bus.send(subjects.gatewayPresence(sid), { from: this.id, viewers: own, isAsking: true });
  }

  private send(sid: string, { own }: OpenSession): void {
    this.bus.send(subjects.gatewayPresence(sid), { from: this.id, viewers: own });
  }

  private senderOf(message: unknown): string | undefined {
    const from = isMap(message) ? stringAt(message, 'from') : undefined;
    return from === this.id ? undefined : from;
  }
}
