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
import { shareLocalStack, type SharedStack } from './support/localStack.js';
import { connectTo, readLog } from './support/log.js';
import { connectRaw, type RawFrame, type RawSocket } from './support/raw.js';
import { until } from './support/until.js';
import { newSession, tell } from './support/viewer.js';

let stage: SharedStack;
beforeAll(async () => {
  stage = await shareLocalStack();
  for (const name of ['crust', 'dough', 'oven', 'sauce']) writeFileSync(join(stage.project, name), '');
}, 120_000);
afterAll(() => stage.release());

const messageOf = (t: Transcript, id: string): MessageItem | undefined =>
  t.items.find((item): item is MessageItem => item.kind === 'message' && item.id === id);

/** Returns the text of a block, or the arguments of its call so far. */
function textOfBlock(block: Block): string {
  if (block.kind === 'text' || block.kind === 'thinking') return block.text;
  if (block.kind === 'tool')
    return block.json !== '' || block.args === undefined ? block.json : JSON.stringify(block.args);
  return '';
}

/** A viewer that folds frames itself, and records what it would have shown. */
class Reader {
  /** Folded from events, deltas and snapshots, as in a viewer. */
  readonly transcript = createTranscript();
  /** Folded from deltas and snapshots only. */
  readonly fromDeltas = createTranscript();
  /** The recorded states of each open message. */
  readonly states = new Map<string, Block[][]>();
  broken = 0;
  dropped = 0;
  readonly connection: RawSocket;
  #deltaCount = 0;

  /** Drops one delta in `dropEvery`. */
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
    const { transcript, fromDeltas } = this;
    if (frame.type === 'event') applyEvent(transcript, frame['seq'] as number, frame['event']);
    if (frame.type === 'partial') for (const t of [transcript, fromDeltas]) applyPartial(t, frame['partial']);
    if (frame.type === 'delta') {
      if (++this.#deltaCount % this.dropEvery === 0) {
        this.dropped++;
        return;
      }
      for (const t of [transcript, fromDeltas]) applyDelta(t, frame['delta']);
    }
    for (const item of transcript.items) {
      if (item.kind !== 'message' || !item.open) continue;
      if (item.broken) this.broken++;
      this.states.set(item.id, [...(this.states.get(item.id) ?? []), item.blocks]);
    }
  }

  /** Checks that every recorded state of a message is a beginning of the finished message. */
  expectPrefixes(): void {
    for (const [id, states] of this.states) {
      const whole = messageOf(this.transcript, id)!.blocks.map(textOfBlock);
      for (const blocks of states) {
        for (const [index, block] of blocks.entries()) {
          const [shown, full] = [textOfBlock(block), whole[index] ?? ''];
          if (!full.startsWith(shown))
            expect({ id, index, shown }).toEqual({ id, index, shown: full.slice(0, shown.length) });
        }
      }
    }
  }
}

describe('messages rebuilt from their deltas', () => {
  it('messages rebuilt from deltas equal their end events, for a viewer from the start, a late viewer, and one that loses every tenth delta', async () => {
    const sid = await newSession(stage);
    const whole = new Reader(sid);
    const lossy = new Reader(sid, 10);
    await Promise.all([whole.resume(), lossy.resume()]);
    // The answer repeats the input and takes seconds, so that a viewer can join in the middle.
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
    const ended = ({ connection }: Reader) =>
      connection.heard('event', ({ event }) => (event as RawFrame).type === 'agent_end');
    for (const reader of readers) await ended(reader);

    const log = await readLog(stage, sid);
    const ends = log.filter(
      ({ event }) => event.type === 'message_end' && (event['message'] as { role: string }).role === 'assistant',
    );
    expect(ends.length).toBe(2);
    const settled = foldTranscript(
      createTranscript(),
      log.map(({ seq, event }) => [seq, event] as const),
    );
    const blockTexts = (t: Transcript, id: string) => messageOf(t, id)?.blocks.map(textOfBlock);
    for (const { event } of ends) {
      const id = event['messageId'] as string;
      expect(blockTexts(whole.fromDeltas, id)).toEqual(blockTexts(settled, id));
      expect(blockTexts(late.fromDeltas, id)).toEqual(blockTexts(settled, id));
    }
    const partial = await late.connection.heard('partial');
    expect((partial['partial'] as { open: { messageId: string }[] }).open.map(({ messageId }) => messageId)).toEqual([
      half.id,
    ]);
    expect(lossy.dropped).toBeGreaterThan(0);
    expect(lossy.broken).toBeGreaterThan(0);
    expect(whole.broken + late.broken).toBe(0);
    for (const reader of readers) {
      expect(reader.states.size).toBeGreaterThan(0);
      reader.expectPrefixes();
      for (const { event } of ends) {
        const id = event['messageId'] as string;
        expect(messageOf(reader.transcript, id)).toEqual(messageOf(settled, id));
      }
      reader.connection.ws.close();
    }
  });
});

describe('a streamed message', () => {
  /** Returns the bytes that one input adds to the log, and the bytes of the deltas. */
  async function cost(chars: number): Promise<{ log: number; deltas: number }> {
    const sid = await newSession(stage);
    const backbone = await connectTo(stage, 'auditor');
    const spent = { log: 0, deltas: 0 };
    let isOver = false;
    let isCounting = false;
    let text = '';
    const following = await tail(backbone, sid, {
      after: 0,
      onEvents: (events) => {
        for (const { type, payload, msgId } of events) {
          isCounting ||= type === 'input_received';
          if (isCounting) spent.log += payload.byteLength + type.length + msgId.length;
          isOver ||= type === 'agent_end';
        }
      },
      onDelta: (bytes) => {
        spent.deltas += bytes.byteLength;
        const delta = decode(bytes);
        if (isMap(delta) && delta['type'] === 'text_delta') text += String(delta['text']);
      },
    });
    await tell(stage, sid, `/demo long ${chars}`);
    await until('the answer is over', () => isOver, 60_000);
    await following.stop();
    await backbone.close();
    expect(text).toHaveLength(chars);
    return spent;
  }

  it('a streamed message takes at most 1.1 times its text in the log and 1.6 times on the wire, and both grow linearly', async () => {
    const [small, large] = [await cost(64_000), await cost(128_000)];
    for (const [chars, { log, deltas }] of [
      [64_000, small],
      [128_000, large],
    ] as const) {
      expect(log / chars).toBeGreaterThan(1);
      expect(log / chars).toBeLessThanOrEqual(1.1);
      expect(deltas / chars).toBeGreaterThan(1);
      expect(deltas / chars).toBeLessThanOrEqual(1.6);
    }
    for (const ratio of [large.log / small.log, large.deltas / small.deltas]) {
      expect(ratio).toBeGreaterThan(1.8);
      expect(ratio).toBeLessThan(2.2);
    }
  });
});
