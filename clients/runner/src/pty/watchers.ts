import type { TerminalViewer } from '@pizzapi/protocol';

/** A gateway that has said nothing for so long is gone, with its viewers, in ms. Gateways report every 10 s. */
export const GATEWAY_LEASE_MS = 30_000;
/** A viewer that had the keyboard and lost its connection has it again when it is back within this time, in ms. */
export const KEYBOARD_GRACE_MS = 10_000;
/** The terminal is paused while its writer lacks more of its output than this, in bytes, */
export const PAUSE_BYTES = 768 * 1024;
/** and continues when it lacks less than this. */
export const CONTINUE_BYTES = 640 * 1024;

/** What a gateway reports of a terminal: all its viewers, and how far they have got. */
export interface WatchReport {
  gateway: string;
  viewers: readonly TerminalViewer[];
  taken?: number | undefined;
}

interface WatchingGateway {
  viewers: readonly TerminalViewer[];
  taken: number | undefined;
  heardAt: number;
}

/**
 * Who watches a terminal, and who of them has the keyboard. One viewer at a time has it: the first one, until it leaves, or
 * until another one takes it. While no viewer has it, the first one that types gets it.
 */
export class Watchers {
  private readonly gateways = new Map<string, WatchingGateway>();
  private holder: TerminalViewer | undefined;
  /** When the holder was found to be away. */
  private holderLeftAt: number | undefined;
  private deciding: number | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** All viewers, each once. */
  get viewers(): TerminalViewer[] {
    const byId = new Map<string, TerminalViewer>();
    for (const { viewers } of this.gateways.values()) for (const one of viewers) byId.set(one.viewer, one);
    return [...byId.values()];
  }

  get isWatched(): boolean {
    return this.gateways.size > 0;
  }

  /** The viewer with the keyboard, while it is connected. */
  get writer(): TerminalViewer | null {
    return this.holder === undefined ? null : (this.find(this.holder.viewer) ?? null);
  }

  /** Takes the report of a gateway. */
  report({ gateway, viewers, taken }: WatchReport): void {
    const now = this.now();
    if (viewers.length === 0) this.gateways.delete(gateway);
    else this.gateways.set(gateway, { viewers, taken, heardAt: now });
    this.settle();
  }

  /** Forgets gateways that report no longer. */
  expire(): void {
    const before = this.now() - GATEWAY_LEASE_MS;
    for (const [gateway, { heardAt }] of this.gateways) if (heardAt < before) this.gateways.delete(gateway);
    this.settle();
  }

  /** Forgets all gateways: the connection to them was lost. */
  clear(): void {
    this.gateways.clear();
    this.settle();
  }

  /** Gives the keyboard to a viewer. False: it does not watch. */
  take(viewer: string): boolean {
    const found = this.find(viewer);
    if (found === undefined) return false;
    this.hold(found);
    return true;
  }

  /**
   * Whether this viewer may type, or a program without a WebSocket where there is no viewer. A viewer that types while the keyboard
   * is free gets it.
   */
  mayWrite(viewer: string | undefined): boolean {
    const { writer } = this;
    if (writer !== null) return writer.viewer === viewer;
    return viewer === undefined || this.take(viewer);
  }

  /**
   * The bytes of output that have to be taken before more is printed: by the writer, or by the viewer that has taken most while
   * the keyboard is free. Undefined: no viewer holds the output back.
   */
  get taken(): number | undefined {
    return this.deciding;
  }

  /** Whether the terminal has to pause at `head` bytes of output. */
  holdsBack(head: number, isPaused: boolean): boolean {
    const taken = this.deciding;
    return taken !== undefined && head - taken > (isPaused ? CONTINUE_BYTES : PAUSE_BYTES);
  }

  private hold(viewer: TerminalViewer): void {
    this.holder = viewer;
    this.holderLeftAt = undefined;
    this.deciding = this.decide();
  }

  private decide(): number | undefined {
    const { writer } = this;
    const all = [...this.gateways.values()];
    const own = writer === null ? [] : all.filter(({ viewers }) => has(viewers, writer.viewer));
    const counts = (own.length > 0 ? own : all).flatMap(({ taken }) => (taken === undefined ? [] : [taken]));
    return counts.length === 0 ? undefined : Math.max(...counts);
  }

  /** The keyboard is for the first viewer, when the one that had it has been away for some time. */
  private settle(): void {
    const holder = this.holder === undefined ? undefined : this.find(this.holder.viewer);
    if (holder !== undefined) return this.hold(holder);
    if (this.holder !== undefined) this.holderLeftAt ??= this.now();
    const isKept = this.holderLeftAt !== undefined && this.now() - this.holderLeftAt < KEYBOARD_GRACE_MS;
    const { viewers } = this;
    if (!isKept && viewers.length === 1) this.hold(viewers[0]!);
    else this.deciding = this.decide();
  }

  private find(viewer: string): TerminalViewer | undefined {
    return this.viewers.find((one) => one.viewer === viewer);
  }
}

const has = (viewers: readonly TerminalViewer[], viewer: string): boolean =>
  viewers.some((one) => one.viewer === viewer);
