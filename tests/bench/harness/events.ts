import { encode } from '@pizzapi/protocol';
import { nowMs } from './clock.js';

/** The event that is measured with: when it was handed to the writer, and as much as makes it the wanted size. */
export interface BenchEvent {
  type: 'bench';
  at: number;
  /** `nowMs()` */
  t: number;
  pad: string;
}

const make = (pad: string): BenchEvent => ({ type: 'bench', at: Date.now(), t: nowMs(), pad });

/** Makes events whose bytes in the log are exactly `bytes` long. */
export function eventMaker(bytes: number): () => BenchEvent {
  let pad = 'x'.repeat(bytes);
  for (let tries = 0; tries < 3; tries++) {
    const excess = encode(make(pad)).byteLength - bytes;
    if (excess > pad.length) throw new RangeError(`an event does not fit into ${bytes} bytes`);
    pad = 'x'.repeat(pad.length - excess);
  }
  return () => make(pad);
}

/** Where in the bytes of such an event the double of `t` begins. */
export function timeOffset(bytes: number): number {
  const key = Buffer.from([0xa1, 0x74, 0xcb]);
  return Buffer.from(encode(eventMaker(bytes)())).indexOf(key) + key.length;
}
