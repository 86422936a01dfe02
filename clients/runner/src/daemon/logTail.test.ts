import { silentLogger, withLines } from '@pizzapi/process';
import { CodedError, encode, tryDecodeMap, type RunnerRight } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { LogTail, MAX_LOG_READERS } from './logTail.js';
import { RunnerRequestDispatcher } from './rpc/dispatcher.js';

const { signal } = new AbortController();

function tailOf(count: number, text = (i: number) => `line ${i}`): LogTail {
  const tail = new LogTail();
  for (let i = 0; i < count; i++) tail.add(`${text(i)}\n`);
  return tail;
}
const codeOf = (work: Promise<unknown>) => work.catch((error: unknown) => error instanceof CodedError && error.code);

describe('the log of a runner', () => {
  it('is read from its last lines on, and each further line once when it is logged', async () => {
    const tail = tailOf(5);
    const first = await tail.read({ lines: 2 }, signal);
    expect(first).toEqual({ logId: tail.id, lines: ['line 3', 'line 4'], next: 5 });
    const { logId } = first;
    const following = tail.read({ logId, after: 5, waitMs: 20_000 }, signal);
    tail.add('line 5\n');
    tail.add('line 6\n');
    expect(await following).toEqual({ logId, lines: ['line 5', 'line 6'], next: 7 });
    expect(await tail.read({ logId, after: 7 }, signal)).toEqual({ logId, lines: [], next: 7 });
    expect(await codeOf(tail.read({ logId, after: 8 }, signal))).toBe('invalid_offset');
  });

  it('of another process of the runner is read from its first line on', async () => {
    const { id: logId } = tailOf(9);
    expect(await tailOf(3).read({ logId, after: 9, waitMs: 20_000 }, signal)).toMatchObject({
      lines: ['line 0', 'line 1', 'line 2'],
      next: 3,
    });
  });

  it('is bounded: in lines and characters that are kept, in a line, in a reply, and in readers that wait', async () => {
    const tail = tailOf(6_000);
    const { logId, skipped, lines, next } = await tail.read({ logId: tail.id, after: 10 }, signal);
    expect([skipped, lines[0], next]).toEqual([990, 'line 1000', 2_000]);
    const long = tailOf(200, () => 'x'.repeat(20_000));
    const page = await long.read({ lines: 1_000 }, signal);
    expect(page.lines[0]!.length).toBe(8 * 1024);
    expect(page.lines.join('').length).toBeLessThanOrEqual(256 * 1024);
    expect((await long.read({ logId: long.id, after: 0 }, signal)).skipped).toBeGreaterThan(50);
    const waits = { logId, after: 6_000, waitMs: 20_000 };
    const readers = Array.from({ length: MAX_LOG_READERS }, () => new AbortController());
    const waiting = readers.map((reader) => tail.read(waits, reader.signal));
    expect(await codeOf(tail.read(waits, signal))).toBe('rpc_busy');
    for (const reader of readers) reader.abort();
    await Promise.all(waiting);
    tail.add('the last one');
    expect((await tail.read(waits, signal)).lines).toEqual(['the last one']);
  });

  it('has no secret, and is refused to a token without the right exec', async () => {
    const tail = new LogTail();
    const log = withLines(silentLogger, { name: 'runner', level: 'info' }, (line) => tail.add(line)).child({
      sid: 's1',
    });
    log.debug({}, 'not logged');
    log.warn({ password: 'hunter2', err: new Error('Bearer abcdefghijkl') }, 'refused pzr_abcd1234567890abcdef');
    const asked = encode({ lines: 5, call: { id: 'c_1', userId: 'ada' } });
    const answer = async (rights: readonly RunnerRight[]) => {
      const handlers = { read_log: (request: object) => tail.read(request, signal) };
      const dispatcher = new RunnerRequestDispatcher({ handlers, rights: () => rights, log: silentLogger });
      return tryDecodeMap((await dispatcher.answer('read_log', asked)).body) as { lines: string[] };
    };
    const { lines } = await answer(['exec']);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'warn', name: 'runner', sid: 's1', err: { type: 'Error' } });
    for (const secret of ['hunter2', 'abcdefghijkl', '1234567890']) expect(lines[0]).not.toContain(secret);
    expect(await answer(['sessions', 'files:read'])).toMatchObject({ error: { code: 'right_missing' } });
  });
});
