import fc from 'fast-check';
import { silentLogger } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { describe, expect, it, vi } from 'vitest';
import { localOwner, type Principal } from '../auth/principal.js';
import { DrainWaiter } from '../room/backpressure.js';
import { LOST, MemoryTerminal } from '../testing/memoryTerminal.js';
import { MemoryWire } from '../testing/memoryWire.js';
import { TakingConnection } from './takingConnection.js';
import { TerminalRoom, TERMINAL_LIMITS } from './terminalRoom.js';
import { TerminalWatcher } from './terminalWatcher.js';

const owner = localOwner();
/** Small enough that some output leaves the ring, fills a chunk and parks a viewer. */
const TIGHT = { ringBytes: 400, parkBytes: 300, chunkBytes: 64, takenBytes: 50 };

async function openRoom(host: MemoryTerminal, limits = TERMINAL_LIMITS) {
  const recordKeyboard = vi.fn<(who: Principal) => void>();
  const onOver = vi.fn();
  const room = new TerminalRoom(
    {
      ...{ terminalId: 't_aaaaaaaaaaaa_r1', host, limits, recordKeyboard, onOver },
      flow: new DrainWaiter({ refillBytes: limits.parkBytes / 2, stallMs: 10_000 }),
      log: silentLogger,
    },
    owner,
  );
  room.hold();
  await room.open();
  return { room, recordKeyboard, onOver };
}

/** A viewer that puts together what it gets, as a client does. */
class Screen {
  readonly wire = new MemoryWire();
  readonly taking = new TakingConnection(this.wire);
  readonly watcher: TerminalWatcher;

  constructor(
    readonly room: TerminalRoom,
    readonly after = 0,
    viewer = 'v1',
    takes = false,
  ) {
    if (!takes) this.taking.ignoreTaken();
    this.watcher = new TerminalWatcher(this.taking, owner, { viewer, name: viewer });
    void room.join(this.watcher, after).catch(() => undefined);
  }

  /** The parts of output, each with the byte that it begins after. A frame that does not follow the one before is a failure. */
  get parts(): { from: number; bytes: number[] }[] {
    const parts = [{ from: this.after, bytes: [] as number[] }];
    for (const frame of this.wire.frames) {
      const part = parts.at(-1)!;
      if (frame['type'] === 'terminal_reset') parts.push({ from: frame['first'] as number, bytes: [] });
      if (frame['type'] !== 'terminal_data') continue;
      const bytes = [...(frame['bytes'] as Uint8Array)];
      expect(frame['n']).toBe(part.from + part.bytes.length + bytes.length);
      part.bytes.push(...bytes);
    }
    return parts;
  }

  get position(): number {
    const { from, bytes } = this.parts.at(-1)!;
    return from + bytes.length;
  }
}

const settled = async (condition: () => boolean) => {
  await expect.poll(condition, { interval: 1, timeout: 1_000 }).toBe(true);
};

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('print' as const), count: fc.integer({ min: 0, max: 200 }) }),
    fc.record({ do: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 300 }) }),
    fc.record({ do: fc.constant('join' as const), at: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ do: fc.constantFrom('slow' as const, 'fast' as const), who: fc.nat(5) }),
    fc.record({ do: fc.constant('wait' as const), turns: fc.nat(4) }),
  ),
  { minLength: 4, maxLength: 25 },
);

describe('the viewers of a terminal at a gateway', () => {
  it('get every byte once and in order, and learn what is no longer kept, however all of it interleaves', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(900), fc.infiniteStream(fc.nat(2)), async (script, before, turns) => {
        const host = new MemoryTerminal(600, 150, () => turns.next().value as number);
        host.print(before);
        const { room } = await openRoom(host, TIGHT);
        const screens: Screen[] = [];
        for (const step of script) {
          const screen = 'who' in step ? screens[step.who % Math.max(1, screens.length)] : undefined;
          if (step.do === 'print') host.print(step.count);
          else if (step.do === 'join') {
            const after = Math.round((step.at / 100) * host.head);
            screens.push(new Screen(room, after, `v${screens.length}`));
          } else if (step.do === 'wait') for (let i = 0; i < step.turns; i++) await new Promise(setImmediate);
          else if (step.do === 'lose') {
            host.publishes = false;
            host.print(step.count);
            host.publishes = true;
          } else if (screen !== undefined) {
            screen.wire.slow = step.do === 'slow';
            screen.wire.drain();
          }
        }
        for (const { wire } of screens) {
          wire.slow = false;
          wire.drain();
        }
        // A hole is found by the next message.
        host.print(1);
        for (const screen of screens) {
          await settled(() => screen.position === host.head && screen.wire.of('terminal_ready').length === 1);
          for (const { from, bytes } of screen.parts) expect(bytes).toEqual(host.between(from, from + bytes.length));
          // Nothing is left out in silence: a reset skips only what the host no longer had.
          const resets = screen.wire.of('terminal_reset').length;
          if (host.head <= 600) expect(resets).toBe(0);
        }
        room.close();
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }, 30_000);

  it('begin exactly where they say, also within a message', async () => {
    const host = new MemoryTerminal();
    const { room } = await openRoom(host);
    const first = new Screen(room, 0, 'a');
    await settled(() => first.wire.of('terminal_ready').length === 1);
    host.print(100);
    const second = new Screen(room, 42, 'b');
    await settled(() => second.position === 100);
    expect(second.parts).toEqual([{ from: 42, bytes: host.between(42, 100) }]);
    expect(second.wire.of('terminal_ready')).toEqual([{ type: 'terminal_ready', n: 100, viewer: 'b' }]);
  });

  it('begin anew at an offset that the terminal has not reached', async () => {
    const host = new MemoryTerminal();
    host.print(10);
    const { room } = await openRoom(host);
    const screen = new Screen(room, 5_000);
    await settled(() => screen.position === 10);
    expect(screen.parts.at(-1)).toEqual({ from: 0, bytes: host.between(0, 10) });
  });

  it('are sent no more than the window beyond what they have taken, and the host is told no more', async () => {
    const host = new MemoryTerminal();
    const { room } = await openRoom(host, TIGHT);
    const screen = new Screen(room, 0, 'a', true);
    await settled(() => screen.wire.of('terminal_ready').length === 1);
    for (let i = 0; i < 20; i++) {
      host.print(64);
      await new Promise(setImmediate);
    }
    await settled(() => screen.position > TIGHT.parkBytes);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    const sent = screen.position;
    expect(sent).toBeLessThanOrEqual(TIGHT.parkBytes + 2 * TIGHT.chunkBytes);
    const taken = host.asked.map(({ asked }) => asked['taken']).filter((n) => typeof n === 'number');
    expect(Math.max(...taken)).toBeLessThanOrEqual(sent);
    // It cannot take what it was not sent.
    room.taken(screen.watcher, 1e9);
    await settled(() => screen.position > sent);
    while (screen.position < host.head) {
      room.taken(screen.watcher, screen.position);
      await new Promise(setImmediate);
    }
    expect(screen.parts).toEqual([{ from: 0, bytes: host.between(0, host.head) }]);
  });

  it('see no text of a host that could pass for something else', async () => {
    const host = new MemoryTerminal();
    host.name = 'a\u001b[31m\nb\u202e';
    const { room } = await openRoom(host);
    const screen = new Screen(room);
    await settled(() => screen.wire.of('terminal_state').length > 0);
    expect(JSON.stringify(screen.wire.frames)).not.toMatch(/\\u001b|\\n|\u202e/);
  });

  it('are said to have taken also what they took during an earlier report', async () => {
    const host = new MemoryTerminal(Infinity, Infinity, () => 3);
    const { room } = await openRoom(host, TIGHT);
    const screen = new Screen(room);
    await settled(() => screen.wire.of('terminal_ready').length === 1);
    // All but the first 60 bytes come while the report about these is under way.
    host.print(60);
    host.print(200);
    await settled(() => Number(host.asked.at(-1)!.asked['taken']) === 260);
  });

  it('need not have taken what is left out', async () => {
    const host = new MemoryTerminal(600, 150);
    host.print(5_000);
    const { room } = await openRoom(host, TIGHT);
    const screen = new Screen(room, 5, 'a', true);
    await settled(() => screen.wire.of('terminal_reset').length === 1 && screen.position > 4_400 + TIGHT.parkBytes);
    expect(screen.parts[1]).toMatchObject({ from: 4_400 });
  });

  it('learn how the shell has ended after all of its output', async () => {
    const host = new MemoryTerminal();
    const { room } = await openRoom(host);
    const screen = new Screen(room);
    await settled(() => screen.wire.of('terminal_ready').length === 1);
    host.publishes = false;
    host.print(500);
    host.publishes = true;
    host.end({ code: 3, signal: null });
    await settled(() => screen.wire.closedAs === 'normal');
    expect(screen.wire.frames.at(-1)).toEqual({ type: 'terminal_exit', code: 3, signal: null });
    expect(screen.position).toBe(500);
  });

  it('see that the host is lost and back, and get what it has printed meanwhile', async () => {
    const host = new MemoryTerminal();
    const { room } = await openRoom(host);
    const screen = new Screen(room);
    await settled(() => screen.wire.of('terminal_ready').length === 1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      host.refusal = LOST;
      host.publishes = false;
      host.print(50);
      const second = new Screen(room, 0, 'b');
      await vi.waitFor(() => expect(screen.wire.of('host')).toEqual([{ type: 'host', state: 'lost' }]));
      expect(second.position).toBe(0);
      host.refusal = undefined;
      host.publishes = true;
      await vi.advanceTimersByTimeAsync(1_000);
      await vi.waitFor(() => expect(screen.position).toBe(50));
      expect(screen.wire.of('host').at(-1)).toEqual({ type: 'host', state: 'connected' });
    } finally {
      vi.useRealTimers();
    }
  });

  it.each(['terminal_unknown', 'right_missing', 'runner_not_found'] as const)(
    'leave when the host says %s',
    async (code) => {
      const host = new MemoryTerminal();
      const { room, onOver } = await openRoom(host);
      const screen = new Screen(room);
      await settled(() => screen.wire.of('terminal_ready').length === 1);
      host.refusal = errorInfo(code);
      new Screen(room, 0, 'b');
      await settled(() => screen.wire.closedAs === 'terminal_gone');
      expect(screen.wire.of('terminal_error')).toMatchObject([{ code }]);
      expect(onOver).toHaveBeenCalledTimes(1);
    },
  );

  it('have a row when the keyboard comes to one of them without being asked for, and none for what others do', async () => {
    const host = new MemoryTerminal();
    const { room, recordKeyboard } = await openRoom(host);
    const [a, b] = [new Screen(room, 0, 'a'), new Screen(room, 0, 'b')];
    await settled(() => [a, b].every(({ wire }) => wire.of('terminal_ready').length === 1));
    expect(recordKeyboard.mock.calls).toEqual([[owner]]);
    host.writer = { viewer: 'elsewhere', name: 'x' };
    host.changed();
    // Asked for by a request, which has a row of its own.
    expect(await room.takeKeyboard(b.watcher)).toBeUndefined();
    host.writer = { viewer: 'b', name: 'b' };
    host.changed();
    expect(recordKeyboard).toHaveBeenCalledTimes(1);
    expect(a.wire.of('terminal_state').at(-1)).toMatchObject({ writer: { viewer: 'b' } });
  });
});
