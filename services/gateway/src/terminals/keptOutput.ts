import { CodedError, TERMINAL_CHUNK_BYTES, type ErrorInfo } from '@pizzapi/protocol';
import { controlFrame, FrameWriter, outputIn, type Frame } from '../wire/frame.js';
import { Packet, packetsOf } from '../wire/packet.js';
import type { OutputReply } from './terminalSource.js';

export interface Stretch {
  packets: readonly Packet[];
  last: number;
}

type Read = (after: number) => Promise<{ kind: 'ok'; reply: OutputReply } | { kind: 'refused'; error: ErrorInfo }>;

/** Reads output that only the host has, for all viewers of a terminal: those who ask for the same at once share an answer. */
export class KeptOutput {
  private readonly reading = new Map<number, Promise<OutputReply>>();

  constructor(
    private readonly read: Read,
    private readonly chunkBytes = TERMINAL_CHUNK_BYTES,
  ) {}

  /** The output after `after`, up to `upTo` at most. Throws what the host refuses it with. */
  async next(after: number, upTo: number): Promise<Stretch> {
    const { n, bytes } = await this.ask(after);
    const output = Buffer.from(bytes, 'base64');
    const begins = n - output.byteLength;
    // The host no longer has what follows `after`.
    const reset = begins > after ? [resetFrame(Math.min(begins, upTo))] : [];
    if (begins >= upTo) return { packets: [new Packet(reset)], last: upTo };
    const wanted = output.subarray(Math.max(0, after - begins), Math.max(0, upTo - begins));
    const end = Math.min(n, upTo);
    // A host that answers with nothing would be asked without end.
    if (wanted.byteLength === 0)
      throw new CodedError('runner_failed', 'The host has less output than it has published');
    return { packets: packetsOf([...reset, ...dataFrames(end, wanted, this.chunkBytes)], this.chunkBytes), last: end };
  }

  /** One page after `after`, as the host has it. */
  ask(after: number): Promise<OutputReply> {
    const known = this.reading.get(after);
    if (known !== undefined) return known;
    const asked = this.read(after)
      .then((outcome) => {
        if (outcome.kind === 'ok') return outcome.reply;
        throw Object.assign(new CodedError(outcome.error.code), { message: outcome.error.message });
      })
      .finally(() => this.reading.delete(after));
    this.reading.set(after, asked);
    return asked;
  }
}

/** What follows begins after byte `first`. */
export const resetFrame = (first: number): Frame => controlFrame({ type: 'terminal_reset', first });

/** Output that ends at byte `end`, in frames. */
function dataFrames(end: number, output: Uint8Array, chunkBytes: number): Frame[] {
  const frames: Frame[] = [];
  const begins = end - output.byteLength;
  for (let at = 0; at < output.byteLength; at += chunkBytes) {
    const part = output.subarray(at, at + chunkBytes);
    frames.push(new FrameWriter().terminalData(begins + at + part.byteLength, part));
  }
  return frames;
}

/** Leaves out what lies before `after` in the first of these frames. */
export function cutOutput(frames: Frame[], after: number): Frame[] {
  const [first, ...rest] = frames;
  if (first === undefined) return frames;
  const output = outputIn(first);
  const known = after - (first.seq - output.byteLength);
  return known <= 0 ? frames : [new FrameWriter().terminalData(first.seq, output.subarray(known)), ...rest];
}
