import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '@pizzapi/protocol';
import { frame, FrameReader, MAX_IPC_MESSAGE } from './frames.js';

describe('messages between daemon and worker', () => {
  it('come out as they went in, however the bytes are torn', () => {
    const message = fc.record({ type: fc.string(), ref: fc.nat(), text: fc.string({ maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(50), { minLength: 1 }), (messages, sizes) => {
        const bytes = concat(messages.map(frame));
        const reader = new FrameReader();
        const seen: unknown[] = [];
        for (let at = 0, turn = 0; at < bytes.byteLength; turn++) {
          const end = at + 1 + sizes[turn % sizes.length]!;
          seen.push(...reader.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(seen).toEqual(messages);
      }),
    );
  });

  it('are refused when they claim to be larger than any of ours', () => {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, MAX_IPC_MESSAGE + 1);
    expect(() => new FrameReader().push(head)).toThrow(expect.objectContaining({ code: 'frame_too_large' }));
  });
});
