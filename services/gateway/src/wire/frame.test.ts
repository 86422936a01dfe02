import { decodeMany, encode } from '@pizzapi/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messagesIn as received } from '../testing/messages.js';
import { controlFrame, deltaFrame, eventFrame, Packet, packetsOf, type Frame } from './frame.js';

const body = ({ wire, head }: Frame) => wire.subarray(head);
const seqs = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0x1_0002_0000 }), fc.maxSafeNat());

describe('a frame', () => {
  it('of an event is byte for byte what the codec makes of it', () => {
    fc.assert(
      fc.property(seqs, fc.dictionary(fc.string(), fc.jsonValue()), (seq, event) => {
        expect(body(eventFrame(seq, encode(event)))).toEqual(Buffer.from(encode({ type: 'event', seq, event })));
      }),
    );
  });

  it('of a piece is byte for byte what the codec makes of it', () => {
    const delta = { type: 'text_delta', at: 1, n: 7, messageId: 'm', index: 0, text: 'héllo' };
    expect(body(deltaFrame(7, encode(delta)))).toEqual(Buffer.from(encode({ type: 'delta', delta })));
  });

  it.each([0, 100, 125, 126, 127, 65_535, 65_536, 70_000])(
    'of about %i bytes has the header a client reads',
    (size) => {
      const frame = controlFrame({ type: 'x', pad: 'p'.repeat(size) });
      expect(received(frame.wire)).toEqual([{ data: body(frame), binary: true }]);
    },
  );
});

describe('a packet', () => {
  const frames = Array.from({ length: 20 }, (_, i) =>
    eventFrame(i + 1, encode({ type: 'x', at: i, pad: 'p'.repeat(i * 10) })),
  );

  it('is one binary message with all frames', () => {
    const [message, ...more] = received(new Packet(frames).msgpack);
    expect(more).toEqual([]);
    expect(decodeMany(message!.data)).toMatchObject(frames.map(({ seq }) => ({ type: 'event', seq })));
  });

  it('is one text message per frame for who reads JSON', () => {
    const messages = received(new Packet(frames).json);
    expect(messages.map(({ binary }) => binary)).toEqual(frames.map(() => false));
    expect(messages.map(({ data }) => JSON.parse(data.toString()) as unknown)).toMatchObject(
      frames.map(({ seq }) => ({ seq })),
    );
  });

  it('of a single frame is that frame, uncopied', () => {
    expect(new Packet([frames[3]!]).msgpack).toBe(frames[3]!.wire);
  });

  it('is cut to size without losing or reordering a frame', () => {
    const packets = packetsOf(frames, 500);
    expect(packets.length).toBeGreaterThan(3);
    const read = packets.flatMap((packet) => decodeMany(received(packet.msgpack)[0]!.data));
    expect(read).toMatchObject(frames.map(({ seq }) => ({ seq })));
    expect(packets.at(-1)!.last).toBe(20);
  });
});
