import fc from 'fast-check';
import { Semaphore } from '@pizzapi/process';
import { describe, expect, it, vi } from 'vitest';
import { DrainWaiter } from './backpressure.js';
import { ROOM_LIMITS, type RoomLimits } from './limits.js';
import { MemorySource } from '../testing/memorySource.js';
import { MemoryWire } from '../testing/memoryWire.js';
import { FrameMemory } from '../wire/frameMemory.js';
import { RateMeter } from './rateMeter.js';
import { Room, type Resume } from './room.js';
import { Viewer } from './viewer.js';

const counted = () => ({
  frames: vi.fn(),
  received: vi.fn(),
  parked: vi.fn(),
  logRead: vi.fn(),
  pieceGap: vi.fn(),
  partialAsked: vi.fn(),
});

/** Small enough that a handful of events leaves the ring, fills a chunk and parks a viewer. */
const TIGHT: Partial<RoomLimits> = {
  ringBytes: 300,
  historyBytes: 500,
  chunkBytes: 80,
  parkBytes: 200,
  refillBytes: 100,
  presenceMs: 1,
};

async function openRoom(source: MemorySource, limits: Partial<RoomLimits> = {}) {
  const all = { ...ROOM_LIMITS, ...limits };
  const metrics = counted();
  const onReset = vi.fn();
  const room = await Room.open({
    source,
    limits: all,
    flow: new DrainWaiter(all),
    logReads: new Semaphore(2),
    deliveryRate: new RateMeter(),
    frameMemory: new FrameMemory(),
    metrics,
    onReset,
  });
  return { room, metrics };
}

function join(room: Room, from: Resume, wire = new MemoryWire()): MemoryWire {
  const viewer = new Viewer(wire, { id: 'v', userId: 'owner', mode: 'owner' });
  room.join(viewer);
  void room.resume(viewer, from);
  return wire;
}

const isLive = (wire: MemoryWire) => expect.poll(() => wire.of('live').length, { interval: 1 }).toBe(1);

type Step =
  | { do: 'append'; count: number }
  | { do: 'join'; from: 'start' | 'tail' | 'middle' | 'end'; n: number }
  | { do: 'slow' | 'fast'; who: number }
  | { do: 'wait'; turns: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({
      do: fc.constant('join' as const),
      from: fc.constantFrom('start' as const, 'tail' as const, 'middle' as const, 'end' as const),
      n: fc.integer({ min: 1, max: 20 }),
    }),
    fc.record({ do: fc.constantFrom('slow' as const, 'fast' as const), who: fc.nat(9) }),
    fc.record({ do: fc.constant('wait' as const), turns: fc.nat(4) }),
  ),
  { minLength: 4, maxLength: 25 },
);

describe('a room', () => {
  it('gives every viewer every event once and in order, however joins, replays, parking and new events interleave', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 0, max: 20 }),
        fc.infiniteStream(fc.nat(3)),
        async (script: Step[], before, turns) => {
          const source = new MemorySource(() => turns.next().value as number);
          source.append(before);
          const { room } = await openRoom(source, TIGHT);
          const viewers: { wire: MemoryWire; expected: () => number[]; atLeast: number }[] = [];
          const seqs = () => source.events.map(({ seq }) => seq);
          for (const step of script) {
            if (step.do === 'append') source.append(step.count);
            else if (step.do === 'wait') for (let i = 0; i < step.turns; i++) await new Promise(setImmediate);
            else if (step.do === 'join') {
              const known = seqs();
              const after =
                step.from === 'middle'
                  ? (known[step.n % Math.max(1, known.length)] ?? 0)
                  : step.from === 'end'
                    ? (known.at(-1) ?? 0)
                    : 0;
              const wire = join(room, step.from === 'tail' ? { tail: step.n } : { after });
              // The last n of what is there at some moment: at least those of now, never more than n older ones.
              const expected =
                step.from === 'tail'
                  ? () => seqs().filter((seq) => seq >= (wire.seqs[0] ?? Infinity))
                  : () => seqs().filter((seq) => seq > after);
              const known_ = known.length;
              viewers.push({
                wire,
                expected,
                atLeast: step.from === 'tail' ? Math.min(step.n, known_) : 0,
              });
            } else {
              const viewer = viewers[step.who % Math.max(1, viewers.length)];
              if (viewer !== undefined) {
                viewer.wire.slow = step.do === 'slow';
                viewer.wire.drain();
              }
            }
          }
          for (const { wire } of viewers) {
            wire.slow = false;
            wire.drain();
          }
          for (const { wire, expected, atLeast } of viewers) {
            await isLive(wire);
            // An event that the room had not seen at the join comes after `live`.
            await expect.poll(() => wire.seqs.length, { interval: 1 }).toBeGreaterThanOrEqual(atLeast);
            await expect.poll(() => wire.seqs, { interval: 1 }).toEqual(expected());
            // `live` says how far the replay went, and stands exactly there.
            const at = wire.frames.findIndex(({ type }) => type === 'live');
            const told = wire.frames.slice(0, at).filter(({ type }) => type === 'event');
            if (told.length > 0) expect(wire.frames[at]!['seq']).toBe(told.at(-1)!['seq']);
          }
          await room.close();
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);

  it('reads the log once for fifty who join together, wherever they were', async () => {
    const source = new MemorySource(() => 2, 256);
    source.append(200);
    const { room } = await openRoom(source);
    const wires = Array.from({ length: 50 }, (_, i) => join(room, { after: i === 0 ? 0 : source.events[i]!.seq }));
    for (const wire of wires) await isLive(wire);
    expect(source.reads).toBe(1);
    expect(wires.map(({ seqs }) => seqs.length)).toEqual(wires.map((_, i) => (i === 0 ? 200 : 199 - i)));
    await room.close();
  });

  it('goes live past a stretch of the log that holds nothing any more', async () => {
    const source = new MemorySource();
    source.append(20);
    const { room } = await openRoom(source);
    source.events.splice(15);
    const wire = join(room, {});
    await isLive(wire);
    expect(wire.seqs).toEqual(source.events.map(({ seq }) => seq));
    await room.close();
  });

  it('keeps only the offset of a viewer that takes nothing, and gives it all later', async () => {
    const source = new MemorySource();
    const { room, metrics } = await openRoom(source, TIGHT);
    const wire = join(room, {});
    await isLive(wire);
    wire.slow = true;
    for (let i = 0; i < 100; i++) {
      source.append(1);
      await new Promise(setImmediate);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(metrics.parked).toHaveBeenCalledTimes(1);
    expect(wire.buffered).toBeLessThan(TIGHT.parkBytes! + 200);
    wire.slow = false;
    wire.drain();
    await expect.poll(() => wire.seqs).toEqual(source.events.map(({ seq }) => seq));
    await room.close();
  });

  it('closes a viewer that makes no progress, so that it can resume', async () => {
    const source = new MemorySource();
    source.append(100);
    const { room } = await openRoom(source, { ...TIGHT, stallMs: 30 });
    const wire = new MemoryWire();
    wire.slow = true;
    join(room, { after: 0 }, wire);
    await expect.poll(() => wire.closedAs).toBe('too_slow');
    await room.close();
  });

  it('says reset for an offset from the future, and begins again', async () => {
    const source = new MemorySource();
    source.append(3);
    const { room } = await openRoom(source);
    const wire = join(room, { after: 1_000 });
    await isLive(wire);
    expect(wire.frames[0]).toEqual({ type: 'reset', reason: 'future', first: 1 });
    expect(wire.seqs).toEqual(source.events.map(({ seq }) => seq));
    await room.close();
  });

  it('says reset for an offset whose successors have expired', async () => {
    const source = new MemorySource();
    source.append(20);
    const after = source.events[2]!.seq;
    source.events.splice(0, 10);
    const { room } = await openRoom(source);
    const wire = join(room, { after });
    await isLive(wire);
    expect(wire.frames[0]).toEqual({ type: 'reset', reason: 'expired', first: source.events[0]!.seq });
    expect(wire.seqs).toEqual(source.events.map(({ seq }) => seq));
    await room.close();
  });
});

describe('an open message', () => {
  const pieces = (wire: MemoryWire) => wire.of('delta').map(({ delta }) => (delta as { n: number }).n);
  const opened = (wire: MemoryWire) => wire.of('partial').map(({ partial }) => (partial as { n: number }).n);

  it('reaches many who join in its middle by one question, followed by the pieces that continue it', async () => {
    const source = new MemorySource(() => 3);
    const { room } = await openRoom(source);
    source.open = { n: 4, text: '1;2;3;4;' };
    const wires = Array.from({ length: 20 }, () => join(room, {}));
    for (const wire of wires) await isLive(wire);
    source.piece(4);
    source.piece(5);
    for (const wire of wires) await expect.poll(() => opened(wire)).toEqual([4]);
    source.piece(6);
    for (const wire of wires) await expect.poll(() => pieces(wire)).toEqual([5, 6]);
    expect(source.partials).toBe(1);
    await room.close();
  });

  it('keeps the deltas that came during the question, whatever comes beside them', async () => {
    const source = new MemorySource(() => 3);
    const { room } = await openRoom(source);
    const first = join(room, {});
    await isLive(first);
    source.piece(4);
    await expect.poll(() => source.partials).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    source.open = { n: 4, text: '1;2;3;4;' };
    const late = join(room, {});
    await isLive(late);
    // The question is open: the first viewer gets these at once, and the other one after the snapshot.
    for (let n = 5; n <= 9; n++) source.piece(n);
    expect(pieces(first).slice(-5)).toEqual([5, 6, 7, 8, 9]);
    expect(opened(late)).toEqual([]);
    await expect.poll(() => opened(late)).toEqual([4]);
    expect(pieces(late)).toEqual([5, 6, 7, 8, 9]);
    await room.close();
  });

  it('is asked for again when a piece is missing', async () => {
    const source = new MemorySource();
    const { room, metrics } = await openRoom(source);
    const wire = join(room, {});
    await isLive(wire);
    await expect.poll(() => source.partials).toBe(1);
    await new Promise(setImmediate);
    source.piece(1);
    source.open = { n: 3, text: '1;2;3;' };
    source.piece(3);
    await expect.poll(() => opened(wire)).toEqual([3]);
    source.piece(4);
    await expect.poll(() => pieces(wire)).toEqual([1, 4]);
    expect(metrics.pieceGap).toHaveBeenCalledTimes(1);
    await room.close();
  });
});

it('an event that comes while no viewer is live takes no more memory than its frame', async () => {
  const source = new MemorySource(() => 0, 1_000);
  const { room, metrics } = await openRoom(source, { ringBytes: 12_000 });
  const wire = join(room, { after: 0 });
  await isLive(wire);
  // One flush of several kilobytes: as much is expected of the next one.
  source.append(100);
  await expect.poll(() => wire.seqs.length, { interval: 1 }).toBe(100);
  for (const viewer of room.viewers) room.leave(viewer);
  const after = room.position;
  for (let count = 0; count < 50; count++) {
    source.append(1);
    await expect.poll(() => room.position, { interval: 1 }).toBe(source.events.at(-1)!.seq);
  }
  const late = join(room, { after });
  await isLive(late);
  expect(late.seqs).toHaveLength(50);
  // All of them are in the ring still.
  expect(metrics.logRead).not.toHaveBeenCalled();
  await room.close();
});
