import { describe, expect, it } from 'vitest';
import { BLOB_PREVIEW, externalize, MAX_EVENT_BYTES } from './blobs.js';
import { encode } from './codec.js';

describe('externalize', () => {
  it('returns a small event unchanged', () => {
    const event = { type: 'message_end', at: 1, message: { content: [{ type: 'text', text: 'x'.repeat(1000) }] } };
    expect(externalize(event)).toEqual({ event, parts: [] });
    expect(externalize(event).event).toBe(event);
  });

  it('replaces a long text by its beginning and returns the whole text as a blob', () => {
    const text = 'ä'.repeat(100_000);
    const { event, parts } = externalize({ type: 't', at: 1, result: { content: [{ type: 'text', text }] } });
    expect(parts).toHaveLength(1);
    expect(parts[0]).toMatchObject({ path: '/result/content/0/text', mediaType: 'text/plain; charset=utf-8' });
    expect(new TextDecoder().decode(parts[0]!.bytes)).toBe(text);
    expect(event.result.content[0]!.text).toHaveLength(BLOB_PREVIEW + 1);
  });

  it('decodes an image into a blob', () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);
    const data = Buffer.from(bytes).toString('base64');
    const { event, parts } = externalize({
      type: 'm',
      at: 1,
      content: [{ type: 'image', mimeType: 'image/png', data }],
    });
    expect(parts[0]).toMatchObject({ path: '/content/0/data', mediaType: 'image/png' });
    expect(parts[0]!.bytes).toEqual(bytes);
    expect(event.content[0]!.data).toBe('');
  });

  it('keeps an event with many texts of medium length below the size that nats-server accepts', () => {
    const { event, parts } = externalize({
      type: 'm',
      at: 1,
      texts: Array.from({ length: 30 }, () => 'y'.repeat(100_000)),
    });
    expect(encode(event).byteLength).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(parts.length).toBeGreaterThan(0);
  });
});
