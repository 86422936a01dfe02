import { CodedError, decode, isSessionPartial } from '@pizzapi/protocol';
import { controlFrame, type Frame } from '../wire/frame.js';
import { Packet } from '../wire/packet.js';
import type { Viewer } from './viewer.js';

/** Consecutive requests for a snapshot without a gap; after these, an incomplete one is sent. */
const MAX_TRIES = 3;

export interface PartialsOptions {
  /** Requests the snapshot from the host; undefined without an answer. */
  ask: () => Promise<Uint8Array | undefined>;
  /** Sends what waits to the live viewers, before the snapshot goes out. */
  flush: () => void;
  /** The number of deltas that are held during a request. */
  maxHeld: number;
}

/**
 * The snapshot of the open message for viewers who join. Deltas are not stored, so a new viewer gets the open blocks
 * from the host and then the deltas that continue them. One request serves all waiting viewers. A gap in the deltas is
 * repaired in the same way.
 */
export class Partials {
  private readonly waiting = new Set<Viewer>();
  private held: Frame[] = [];
  private asking = false;
  /** More deltas came than can be held: the snapshot does not connect with what follows. */
  private overflowed = false;
  private tries = 0;
  /** The number of the last delta; undefined before the first. */
  private lastN: number | undefined;

  constructor(private readonly options: PartialsOptions) {}

  /** Whether it may keep the frames of deltas that it is given. */
  get isAsking(): boolean {
    return this.asking;
  }

  get isAnyoneWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** Whether this viewer waits for the snapshot and gets no deltas meanwhile. */
  isWaiting(viewer: Viewer): boolean {
    return this.waiting.has(viewer);
  }

  forget(viewer: Viewer): void {
    this.waiting.delete(viewer);
  }

  /** Sends the snapshot to these viewers when it arrives. */
  want(viewers: Iterable<Viewer>): void {
    for (const viewer of viewers) this.waiting.add(viewer);
    if (!this.asking && this.waiting.size > 0) void this.run();
  }

  /** Takes a delta in. Returns whether one before it is missing. */
  note(frame: Frame): boolean {
    const expected = this.lastN === undefined ? frame.n : this.lastN + 1;
    this.lastN = frame.n;
    if (this.asking && this.held.length < this.options.maxHeld) this.held.push(frame);
    else if (this.asking) this.overflowed = true;
    return frame.n !== expected;
  }

  private async run(): Promise<void> {
    this.asking = true;
    this.held = [];
    this.overflowed = false;
    const answer = await this.options.ask().catch(() => undefined);
    this.options.flush();
    const partial = answer === undefined ? undefined : read(answer);
    const held = partial === undefined ? this.held : this.held.filter(({ n }) => n > partial.n);
    this.asking = false;
    const whole = partial === undefined || (continues(partial.n, held) && !this.overflowed);
    if (!whole && ++this.tries < MAX_TRIES) return this.run();
    this.tries = 0;
    const frames = partial?.frame === undefined ? held : [partial.frame, ...held];
    const viewers = [...this.waiting];
    this.waiting.clear();
    this.held = [];
    if (frames.length === 0) return;
    const packet = new Packet(frames);
    for (const viewer of viewers) if (viewer.state === 'live') viewer.wire.write(packet);
  }
}

/** Whether the deltas continue after `n` without a gap. */
function continues(n: number, deltas: readonly Frame[]): boolean {
  return deltas.every((delta, i) => delta.n === n + 1 + i);
}

/** Returns the frame of a snapshot (none when nothing is open) and its last delta's number; undefined if invalid. */
function read(answer: Uint8Array): { n: number; frame?: Frame } | undefined {
  try {
    const partial = decode(answer);
    if (!isSessionPartial(partial)) return undefined;
    if (partial.open.length === 0 && partial.tools.length === 0) return { n: partial.n };
    return { n: partial.n, frame: controlFrame({ type: 'partial', partial }) };
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
