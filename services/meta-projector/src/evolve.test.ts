import { encode, eventProblem, peekEventHeader, type SessionEvent } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import {
  evolveRunner,
  evolveSession,
  initialRunnerRow,
  initialSessionRows,
  isUnread,
  type LogEvent,
  type SessionRows,
} from './evolve.js';
import { started, turn } from './testing/events.js';

let seq = 0;
const record = (event: object, epoch = 1): LogEvent => ({
  seq: ++seq,
  type: (event as SessionEvent).type,
  epoch,
  payload: encode(event),
});

/** The same event with a longer form of its first key, `type`, which decoding accepts and peeking does not. */
function withUnreadableHeader(payload: Uint8Array): Uint8Array {
  const key = payload.indexOf(0xa4);
  return Uint8Array.of(...payload.subarray(0, key), 0xd9, 4, ...payload.subarray(key + 1));
}

function after(...records: LogEvent[]) {
  let rows = initialSessionRows('s');
  for (const one of records) {
    const outcome = evolveSession(rows, one);
    if (outcome.kind === 'folded' || outcome.kind === 'poison') rows = outcome.next;
  }
  return rows;
}

describe('the rows of a session', () => {
  it('hold what its events say, up to the last', () => {
    const { row, meta } = after(record(started('Pizza')), ...turn(3).map((event) => record(event)));
    expect(row.info).toMatchObject({ name: 'Pizza', state: 'idle', messages: 2, cost: 0.03 });
    expect(row.info.firstPrompt).toMatch(/^Question 3: lorem/);
    expect(row).toMatchObject({ lastSeq: seq, count: 10, epoch: 1 });
    expect(meta.state.todoList).toHaveLength(1);
    expect(meta).toMatchObject({ lastSeq: seq - 1, state: { version: 2 } });
  });

  it('show no compaction of a process that was killed', () => {
    const begun = after(record(started('Pizza')), record({ type: 'compact_started', at: 2 }));
    expect(begun.meta.state.isCompacting).toBe(true);
    const resumed = evolveSession(begun, record({ type: 'session_resumed', at: 3, epoch: 2 }, 2));
    expect(resumed).toMatchObject({ kind: 'folded', next: { meta: { state: { isCompacting: false }, lastSeq: seq } } });
  });

  it('pass over what they have seen', () => {
    const first = record(started('Pizza'));
    expect(evolveSession(after(first), first).kind).toBe('seen');
  });

  it('pass over what a host of a lower epoch wrote, once a higher one has', () => {
    const rows = after(record(started('Pizza'), 7), record({ type: 'session_ended', at: 2, reason: 'host_lost' }, 9));
    expect(evolveSession(rows, record({ type: 'agent_start', at: 3 }, 7)).kind).toBe('stale');
    expect(evolveSession(rows, record({ type: 'session_resumed', at: 3, epoch: 10 }, 10)).kind).toBe('folded');
  });

  it.each([
    ['bytes that are no msgpack', { ...record({ type: 'agent_start', at: 1 }), payload: new Uint8Array([0xc1, 0xff]) }],
    ['half an event', { ...record(turn(1)[1]!), payload: encode(turn(1)[1]).subarray(0, 40) }],
    ['a known type in the wrong shape', record({ type: 'session_info_changed', at: 1, name: 7 })],
    ['a map without a type', { ...record({ type: '', at: 1 }), type: 'agent_start' }],
    ['a number', { ...record({ type: 'agent_start', at: 1 }), payload: encode(42) }],
  ])('call %s poison, and go on after it', (_, poison) => {
    const rows = after(record(started('Pizza')));
    const outcome = evolveSession(rows, { ...poison, seq: ++seq });
    expect(outcome).toMatchObject({ kind: 'poison', next: { row: { info: rows.row.info, lastSeq: seq, count: 2 } } });
  });

  it('know how much their log stores', () => {
    const events = [record(started('Pizza')), ...turn(3).map((event) => record(event))];
    const bytes = events.reduce((sum, { payload }) => sum + payload.byteLength, 0);
    const { logBytes = 0 } = after(...events).row;
    expect(logBytes).toBeGreaterThan(bytes);
    expect(logBytes).toBeLessThan(bytes + events.length * 1_000);
    // What nobody understands takes as much room.
    const poison = { ...record({ type: 'agent_start', at: 1 }), payload: new Uint8Array(5_000).fill(0xc1) };
    expect(after(...events, poison).row.logBytes).toBeGreaterThanOrEqual(logBytes + 5_000);
  });

  it('keep count of a type of a later version, which changes nothing else', () => {
    const { row } = after(record(started('Pizza')), record({ type: 'telepathy', at: 5, thought: 1 }));
    expect(row).toMatchObject({ count: 2, info: { name: 'Pizza' } });
  });
});

describe('what is not decoded', () => {
  it('gives the same rows as decoding it', () => {
    const rows = after(record(started('Pizza')), record(turn(1)[1]!));
    const unread = turn(2).filter((event) => isUnread(event.type, rows.row));
    expect(new Set(unread.map((event) => event.type))).toEqual(
      new Set(['message_end', 'tool_execution_start', 'tool_execution_end']),
    );
    for (const event of unread) {
      const peeked = record(event);
      const decoded = { ...peeked, payload: withUnreadableHeader(peeked.payload) };
      expect(peekEventHeader(peeked.payload)).toEqual({ type: event.type, at: event.at });
      expect(peekEventHeader(decoded.payload)).toBeUndefined();
      const next = evolveSession(rows, peeked) as { next: SessionRows };
      next.next.row.logBytes! += decoded.payload.byteLength - peeked.payload.byteLength;
      expect(next).toEqual(evolveSession(rows, decoded));
    }
  });

  it('is tried with well-formed events', () => {
    expect([started('Pizza'), ...turn(1)].map(eventProblem).filter((problem) => problem !== undefined)).toEqual([]);
  });
});

describe('the row of a runner', () => {
  it('holds what its events say', () => {
    const outcome = evolveRunner(
      initialRunnerRow('r'),
      record({ type: 'services_announced', at: 1, services: ['web'] }),
    );
    expect(outcome).toMatchObject({ kind: 'folded', next: { info: { services: ['web'] }, lastSeq: seq } });
  });

  it('passes poison, and lets types of a later version be', () => {
    const row = initialRunnerRow('r');
    expect(evolveRunner(row, record({ type: 'runner_stopped', at: 1 })).kind).toBe('poison');
    expect(evolveRunner(row, record({ type: 'runner_sang', at: 1 })).kind).toBe('folded');
  });
});
