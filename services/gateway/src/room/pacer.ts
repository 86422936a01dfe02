import { RateMeter } from './rateMeter.js';

/** A room is hot above so many deliveries a second, or frames a second however few watch; below, a core has time. */
const HOT_DELIVERIES = 15_000;
const HOT_FRAMES = 1_000;
/** The gateway is hot above so many deliveries a second, whichever rooms they are in. */
const HOT_GATEWAY = 4_000;
/** In a hot gateway, frames of a room are gathered when so many a second make two or more of a window. */
const GATHERED_FRAMES = 125;
/**
 * How long frames are gathered, in ms. The longer one, which a screen takes to draw once, is for more than `VERY_HOT`
 * deliveries a second in one room, and for a hot gateway, whose many rooms have few frames each to gather. The longest one
 * is for those of these rooms that fewer than `MANY_VIEWERS` watch: there what a frame costs is shared by so few.
 */
const WINDOW_MS = 8;
const LONG_WINDOW_MS = 16;
const LONGEST_WINDOW_MS = 32;
const VERY_HOT = 200_000;
const MANY_VIEWERS = 4;

/**
 * Decides when frames go out: at once while there is time, because waiting would only add delay; in windows while the
 * room or the whole gateway is hot, because one write of many frames costs a fraction of many writes.
 */
export class Pacer {
  private readonly frames = new RateMeter();
  private timer: NodeJS.Timeout | undefined;

  /** `gateway` counts the deliveries of all rooms of this gateway. */
  constructor(
    private readonly flush: () => void,
    private readonly gateway: RateMeter,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `frames` more wait to go to `viewers`. */
  offer(frames: number, viewers: number): void {
    const window = this.windowMs(frames, viewers);
    if (window === 0) {
      if (this.timer === undefined) this.flush();
      return;
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, window);
  }

  /** Counts `frames` and says how long to gather. */
  windowMs(frames: number, viewers: number): number {
    const now = this.now();
    const rate = this.frames.count(frames, now);
    const ofGateway = this.gateway.count(frames * viewers, now);
    if (rate >= HOT_FRAMES || rate * viewers >= HOT_DELIVERIES)
      return rate * viewers < VERY_HOT ? WINDOW_MS : LONG_WINDOW_MS;
    if (ofGateway < HOT_GATEWAY || rate < GATHERED_FRAMES) return 0;
    return viewers < MANY_VIEWERS ? LONGEST_WINDOW_MS : LONG_WINDOW_MS;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
