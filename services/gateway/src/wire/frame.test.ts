import { decodeMany, encode } from '@pizzapi/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messagesIn as received } from '../testing/messages.js';
import { controlFrame, eventFrames, FrameWriter } from './frame.js';
import { Packet, packetsOf } from './packet.js';

const seqs = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0x1_0002_0000 }), fc.maxSafeNat());
const events = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    payload: encode({ type: 'x', at: i, pad: 'p'.repeat(i * 10) }),
  }));

describe('a frame', () => {
  it('of an event is byte for byte what the codec makes of it', () => {
    fc.assert(
      fc.property(seqs, fc.dictionary(fc.string(), fc.jsonValue()), (seq, event) => {
        const { bytes } = new FrameWriter().event(seq, encode(event));
        expect(bytes).toEqual(Buffer.from(encode({ type: 'event', seq, event })));
      }),
    );
  });

  it('of a delta is byte for byte what the codec makes of it', () => {
    const delta = { type: 'text_delta', at: 1, n: 7, messageId: 'm', index: 0, text: 'héllo' };
    const { bytes } = new FrameWriter().delta(7, encode(delta));
    expect(bytes).toEqual(Buffer.from(encode({ type: 'delta', delta })));
  });

  it.each([0, 100, 125, 126, 127, 65_535, 65_536, 70_000])(
    'of about %i bytes has the header a client reads',
    (size) => {
      const frame = controlFrame({ type: 'x', pad: 'p'.repeat(size) });
      expect(received(new Packet([frame]).msgpack)).toEqual([{ data: frame.bytes, binary: true }]);
    },
  );
});

describe('frames of one writer', () => {
  it('that are expected together lie in one run, and are one message without a copy', () => {
    const writer = new FrameWriter();
    writer.expect(1_000);
    const frames = events(5).map(({ seq, payload }) => writer.event(seq, payload));
    expect(new Set(frames.map(({ run }) => run)).size).toBe(1);
    expect(new Packet(frames).msgpack).toBe(new Packet([...frames]).msgpack);
    expect(new Packet(frames).msgpack.buffer).toBe(frames[0]!.bytes.buffer);
  });

  it('keep their bytes and their messages, whatever is sent of them and when', () => {
    // A header that was written for one message must not be changed while a socket still sends it.
    const step = fc.record({ size: fc.nat(400), expected: fc.option(fc.nat(3_000)), send: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat(40)), (steps, picks) => {
        const writer = new FrameWriter();
        const all: { seq: number; frame: ReturnType<FrameWriter['event']> }[] = [];
        const sent: { message: Buffer; copy: Buffer; seqs: number[] }[] = [];
        const send = (part: typeof all): void => {
          if (part.length === 0) return;
          const message = new Packet(part.map(({ frame }) => frame)).msgpack;
          sent.push({ message, copy: Buffer.from(message), seqs: part.map(({ seq }) => seq) });
        };
        const pick = (): number => picks.next().value as number;
        let from = 0;
        for (const [i, { size, expected, send: isSent }] of steps.entries()) {
          if (expected !== null) writer.expect(expected);
          all.push({ seq: i + 1, frame: writer.event(i + 1, encode({ type: 'x', pad: 'p'.repeat(size) })) });
          if (!isSent) continue;
          send(all.slice(from));
          from = all.length;
          const a = pick();
          send(all.slice(a, a + pick()));
        }
        send(all);
        for (const { message, copy, seqs: expectedSeqs } of sent) {
          expect(message.equals(copy)).toBe(true);
          const messages = received(message);
          expect(messages).toHaveLength(1);
          expect(decodeMany(messages[0]!.data)).toMatchObject(expectedSeqs.map((seq) => ({ type: 'event', seq })));
        }
      }),
    );
  });
});

describe('a packet', () => {
  const frames = eventFrames(events(20), 500);

  it('is one binary message with all frames', () => {
    const [message, ...more] = received(new Packet(frames).msgpack);
    expect(more).toEqual([]);
    expect(decodeMany(message!.data)).toMatchObject(frames.map(({ seq }) => ({ type: 'event', seq })));
  });

  it('is one text message per frame for a viewer that reads JSON', () => {
    const messages = received(new Packet(frames).json);
    expect(messages.map(({ binary }) => binary)).toEqual(frames.map(() => false));
    expect(messages.map(({ data }) => JSON.parse(data.toString()) as unknown)).toMatchObject(
      frames.map(({ seq }) => ({ seq })),
    );
  });

  it('is cut to size without losing or reordering a frame, and without a copy of what was framed for that size', () => {
    const packets = packetsOf(frames, 500);
    expect(packets.length).toBeGreaterThan(3);
    const read = packets.flatMap((packet) => decodeMany(received(packet.msgpack)[0]!.data));
    expect(read).toMatchObject(frames.map(({ seq }) => ({ seq })));
    expect(packets.at(-1)!.last).toBe(20);
    for (const packet of packets) expect(frames.some(({ run }) => run.message === packet.msgpack)).toBe(true);
  });
});
