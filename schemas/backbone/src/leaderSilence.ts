/**
 * After how long without an answer of any leader a connection moves to another server, in ms. An election takes 4 to 9 s and
 * ends by itself: a move meanwhile costs little. A lease lives for 15 s and is renewed every 5 s: a connection that moved
 * later would lose it.
 */
const MOVE_AFTER_MS = 8_000;
/**
 * The least time between two moves in one silence, in ms, and how much chance adds to it: while no server has a leader, a move
 * does not help.
 */
const MOVE_PAUSE_MS = 30_000;

/**
 * Decides when a connection leaves its server. A server that the others of its cluster cannot reach still has clients:
 * what they write is not stored, and they would wait there until the network is whole again.
 */
export class LeaderSilence {
  private since: number | undefined;
  private notBefore = 0;

  constructor(
    private readonly now: () => number = Date.now,
    private readonly random: () => number = Math.random,
  ) {}

  /** A leader answered, with whatever it was. The next silence is another one. */
  answered(): void {
    this.since = undefined;
    this.notBefore = 0;
  }

  /** A request that began at `from` had no answer of a leader in time. True: it is time to move. */
  unanswered(from: number): boolean {
    const now = this.now();
    this.since ??= from;
    if (now - this.since < MOVE_AFTER_MS || now < this.notBefore) return false;
    this.since = undefined;
    this.notBefore = now + MOVE_PAUSE_MS * (1 + this.random());
    return true;
  }
}
