import { tail } from '@pizzapi/backbone';
import {
  applyDelta,
  applyEvent,
  applyPartial,
  createTranscript,
  decode,
  foldTranscript,
  isMap,
  type Block,
  type MessageItem,
  type Transcript,
} from '@pizzapi/protocol';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { connectTo, readLog } from './support/log.js';
import { connectRaw, type RawFrame, type RawSocket } from './support/raw.js';
import { until } from './support/until.js';
import { newSession, tell } from './support/viewer.js';

let stage: LocalStack;
beforeAll(async () => {
  stage = await startLocalStack();
  for (const name of ['crust', 'dough', 'oven', 'sauce']) writeFileSync(join(stage.project, name), '');
}, 120_000);
afterAll(() => stage.clear());

const messageOf = (t: Transcript, id: string): MessageItem | undefined =>
  t.items.find((item): item is MessageItem => item.kind === 'message' && item.id === id);

/** What a block says: its text, or the arguments of its call as they are written. */
function saidBy(block: Block): string {
  if (block.kind === 'text' || block.kind === 'thinking') return block.text;
  if (block.kind === 'tool')
    return block.json !== '' || block.args === undefined ? block.json : JSON.stringify(block.args);
  return '';
}

/** A viewer that folds frames by hand, and keeps what it would have shown. */
class Reader {
  /** Events, pieces and partials, as a viewer folds them. */
  readonly transcript = createTranscript();
  /** Pieces and partials alone: no event helps. */
  readonly pieces = createTranscript();
  /** What each open message ever looked like, before its end. */
  readonly looks = new Map<string, Block[][]>();
  broken = 0;
  dropped = 0;
  readonly connection: RawSocket;
  #deltas = 0;

  /** Loses one piece in `dropEvery`. */
  constructor(
    sid: string,
    private readonly dropEvery = Infinity,
  ) {
    this.connection = connectRaw(stage, `/ws/sessions/${sid}`, (frame) => this.#fold(frame));
  }

  async resume(): Promise<void> {
    await this.connection.heard('hello');
    this.connection.send({ type: 'resume' });
    await this.connection.heard('live');
  }

  #fold(frame: RawFrame): void {
    const { transcript, pieces } = this;
    if (frame.type === 'event') applyEvent(transcript, frame['seq'] as number, frame['event']);
    if (frame.type === 'partial') for (const t of [transcript, pieces]) applyPartial(t, frame['partial']);
    if (frame.type === 'delta') {
      if (++this.#deltas % this.dropEvery === 0) {
        this.dropped++;
        return;
      }
      for (const t of [transcript, pieces]) applyDelta(t, frame['delta']);
    }
    for (const item of transcript.items) {
      if (item.kind !== 'message' || !item.open) continue;
      if (item.broken) this.broken++;
      this.looks.set(item.id, [...(this.looks.get(item.id) ?? []), item.blocks]);
    }
  }

  /** Whatever was shown of a message was a true beginning of what it became. */
  expectTruePrefixes(): void {
    for (const [id, looks] of this.looks) {
      const whole = messageOf(this.transcript, id)!.blocks.map(saidBy);
      for (const blocks of looks) {
        for (const [index, block] of blocks.entries()) {
          const [shown, full] = [saidBy(block), whole[index] ?? ''];
          if (!full.startsWith(shown))
            expect({ id, index, shown }).toEqual({ id, index, shown: full.slice(0, shown.length) });
        }
      }
    }
  }
}

describe('a turn rebuilt from its pieces', () => {
  it('equals what its messages end with: for who was there, who joins in the middle, and who loses every tenth piece', async () => {
    const sid = await newSession(stage);
    const whole = new Reader(sid);
    const lossy = new Reader(sid, 10);
    await Promise.all([whole.resume(), lossy.resume()]);
    // Its answer repeats it, and so takes seconds: time to join in the middle of it.
    await tell(stage, sid, Array(6).fill('Hello there. '.repeat(15)).join('\n'));
    const openText = (at: Reader) =>
      at.transcript.items.find(
        (item) =>
          item.kind === 'message' &&
          item.open &&
          item.blocks.some((block) => block.kind === 'text' && block.text.length > 60),
      );
    const half = await until('half a message', () => openText(whole));
    const late = new Reader(sid);
    await late.resume();
    const readers = [whole, lossy, late];
    const over = ({ connection }: Reader) =>
      connection.heard('event', ({ event }) => (event as RawFrame).type === 'agent_end');
    for (const reader of readers) await over(reader);

    const log = await readLog(stage, sid);
    const ends = log.filter(
      ({ event }) => event.type === 'message_end' && (event['message'] as { role: string }).role === 'assistant',
    );
    expect(ends.length).toBe(2);
    const settled = foldTranscript(
      createTranscript(),
      log.map(({ seq, event }) => [seq, event] as const),
    );
    const spoken = (t: Transcript, id: string) => messageOf(t, id)?.blocks.map(saidBy);
    for (const { event } of ends) {
      const id = event['messageId'] as string;
      expect(spoken(whole.pieces, id)).toEqual(spoken(settled, id));
      expect(spoken(late.pieces, id)).toEqual(spoken(settled, id));
    }
    const partial = await late.connection.heard('partial');
    expect((partial['partial'] as { open: { messageId: string }[] }).open.map(({ messageId }) => messageId)).toEqual([
      half.id,
    ]);
    expect(lossy.dropped).toBeGreaterThan(0);
    expect(lossy.broken).toBeGreaterThan(0);
    expect(whole.broken + late.broken).toBe(0);
    for (const reader of readers) {
      expect(reader.looks.size).toBeGreaterThan(0);
      reader.expectTruePrefixes();
      for (const { event } of ends) {
        const id = event['messageId'] as string;
        expect(messageOf(reader.transcript, id)).toEqual(messageOf(settled, id));
      }
      reader.connection.ws.close();
    }
  });
});

describe('a streamed message', () => {
  /** Bytes of everything that one prompt put into the log, and of the pieces that streamed. */
  async function cost(chars: number): Promise<{ log: number; pieces: number }> {
    const sid = await newSession(stage);
    const backbone = await connectTo(stage, 'auditor');
    const spent = { log: 0, pieces: 0 };
    let over = false;
    let asked = false;
    let text = '';
    const following = await tail(backbone, sid, {
      after: 0,
      onEvents: (events) => {
        for (const { type, payload, msgId } of events) {
          asked ||= type === 'input_received';
          if (asked) spent.log += payload.byteLength + type.length + msgId.length;
          over ||= type === 'agent_end';
        }
      },
      onDelta: (bytes) => {
        spent.pieces += bytes.byteLength;
        const piece = decode(bytes);
        if (isMap(piece) && piece['type'] === 'text_delta') text += String(piece['text']);
      },
    });
    await tell(stage, sid, `/demo long ${chars}`);
    await until('the answer is over', () => over, 60_000);
    await following.stop();
    await backbone.close();
    expect(text).toHaveLength(chars);
    return spent;
  }

  it('costs the log at most 1.1 times its text and the wire 1.6 times, and twice the text twice as much', async () => {
    const [small, large] = [await cost(64_000), await cost(128_000)];
    for (const [chars, { log, pieces }] of [
      [64_000, small],
      [128_000, large],
    ] as const) {
      expect(log / chars).toBeGreaterThan(1);
      expect(log / chars).toBeLessThanOrEqual(1.1);
      expect(pieces / chars).toBeGreaterThan(1);
      expect(pieces / chars).toBeLessThanOrEqual(1.6);
    }
    for (const ratio of [large.log / small.log, large.pieces / small.pieces]) {
      expect(ratio).toBeGreaterThan(1.8);
      expect(ratio).toBeLessThan(2.2);
    }
  });
});
