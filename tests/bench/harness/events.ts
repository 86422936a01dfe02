import { encode } from '@pizzapi/protocol';
import { nowMs } from './clock.js';

/** The measured event: the time at which it was passed to the writer, and padding to the wanted size. */
export interface BenchEvent {
  type: 'bench';
  at: number;
  /** `nowMs()` */
  t: number;
  pad: string;
}

/** A whole number takes fewer bytes than others: an event would be shorter than its viewers expect. */
function fraction(t: number): number {
  return Number.isInteger(t) ? t + 2 ** -10 : t;
}

const make = (pad: string): BenchEvent => ({ type: 'bench', at: Date.now(), t: fraction(nowMs()), pad });

/** Returns a function that creates events of exactly `bytes` bytes in the log. */
export function eventMaker(bytes: number): () => BenchEvent {
  let pad = 'x'.repeat(bytes);
  for (let tries = 0; tries < 3; tries++) {
    const excess = encode(make(pad)).byteLength - bytes;
    if (excess > pad.length) throw new RangeError(`an event does not fit into ${bytes} bytes`);
    pad = 'x'.repeat(pad.length - excess);
  }
  return () => make(pad);
}

/** Returns the position of the double of `t` in the bytes of such an event. */
export function timeOffset(bytes: number): number {
  const key = Buffer.from([0xa1, 0x74, 0xcb]);
  return Buffer.from(encode(eventMaker(bytes)())).indexOf(key) + key.length;
}
