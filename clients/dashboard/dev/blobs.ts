import type { Scene } from './scene.js';

/** An answer that is too long for the log. */
export const WHOLE = Array.from(
  { length: 2_500 },
  (_, i) => `Paragraph ${i} of an answer that is longer than 128 KiB.`,
).join('\n\n');
export const WHOLE_HASH = 'b'.repeat(64);
const PREVIEW = `${WHOLE.slice(0, 2_000)}…`;

/** The end of the long answer, as the log has it. */
export const END_OF_WHOLE = {
  type: 'message_end',
  at: Date.now(),
  messageId: 'w1',
  entryId: 'w1',
  message: { role: 'assistant', content: [{ type: 'text', text: PREVIEW }] },
  blobs: [{ path: '/message/content/0/text', blob: WHOLE_HASH, size: WHOLE.length, mediaType: 'text/plain' }],
};

/** A long answer. `open`: it is still written. */
export function wholeScene(open: boolean): Scene {
  const user = { role: 'user', content: [{ type: 'text', text: 'Tell me all.' }] };
  const asked = { type: 'message_end', at: Date.now(), messageId: 'u1', entryId: 'u1', message: user };
  if (!open) return { events: [asked, END_OF_WHOLE], meta: {} };
  return {
    events: [
      asked,
      { type: 'agent_start', at: Date.now() },
      { type: 'message_start', at: Date.now(), messageId: 'w1', role: 'assistant' },
    ],
    meta: {},
    partial: {
      n: 1,
      open: [
        { messageId: 'w1', role: 'assistant', blocks: [{ index: 0, kind: 'text', text: WHOLE.slice(0, 20_000) }] },
      ],
      tools: [],
    },
  };
}

let release: () => void;
const released = new Promise<void>((resolve) => (release = resolve));
/** Lets the gateway answer requests for blobs. */
export const releaseBlobs = (): void => release();

/** The gateway's answer to a request for a blob, once blobs are released. */
export async function blobAnswer(path: string): Promise<Response | undefined> {
  if (!path.endsWith(`/blobs/${WHOLE_HASH}`)) return undefined;
  await released;
  return new Response(WHOLE, { headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
