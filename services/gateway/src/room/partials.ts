import { CodedError, decode, isSessionPartial } from '@pizzapi/protocol';
import { controlFrame, Packet, type Frame } from '../wire/frame.js';
import type { Viewer } from './viewer.js';

/** How often in a row a hole in the pieces is asked about before what there is has to do. */
const MAX_TRIES = 3;

export interface PartialsOptions {
  /** Asks the host what is open; undefined when nobody answers. */
  ask: () => Promise<Uint8Array | undefined>;
  /** Sends what waits to those who are live, before anything of an answer goes out. */
  flush: () => void;
  /** Pieces held at most while an answer is awaited. */
  maxHeld: number;
}

/**
 * What is open when a viewer comes. Pieces are not stored, so a newcomer gets the open blocks from the host and then
 * the pieces that continue them. One question serves all who wait. A hole in the pieces is healed the same way.
 */
export class Partials {
  private readonly waiting = new Set<Viewer>();
  private held: Frame[] = [];
  private asking = false;
  /** More came than could be held: the answer does not connect with what follows. */
  private overflowed = false;
  private tries = 0;
  /** The number of the last piece seen; undefined before the first. */
  private lastN: number | undefined;

  constructor(private readonly options: PartialsOptions) {}

  /** Whether this viewer waits for an answer, and gets no pieces meanwhile. */
  isWaiting(viewer: Viewer): boolean {
    return this.waiting.has(viewer);
  }

  forget(viewer: Viewer): void {
    this.waiting.delete(viewer);
  }

  /** These viewers need to know what is open. */
  want(viewers: Iterable<Viewer>): void {
    for (const viewer of viewers) this.waiting.add(viewer);
    if (!this.asking && this.waiting.size > 0) void this.run();
  }

  /** A piece came. True when one before it is missing. */
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

/** Whether the pieces go on right after `n`, without a hole. */
function continues(n: number, pieces: readonly Frame[]): boolean {
  return pieces.every((piece, i) => piece.n === n + 1 + i);
}

/** The frame of an answer (none when nothing is open) and the piece it is as of; undefined for no valid answer. */
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
