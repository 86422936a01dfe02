import { beforeEach, describe, expect, it } from 'vitest';
import { GraceTimers } from './graceTimers.js';

describe('the grace of a session without a host', () => {
  let timers: GraceTimers;
  beforeEach(() => {
    timers = new GraceTimers(100);
  });

  it('begins when its lease goes', () => {
    timers.leaseHeld('a');
    timers.sessionOpen('a', 0);
    expect(timers.due(1000)).toEqual([]);
    timers.leaseGone('a', 1000);
    expect(timers.due(1099)).toEqual([]);
    expect(timers.due(1100)).toEqual(['a']);
  });

  it('begins when the session is found without a lease', () => {
    timers.sessionOpen('a', 50);
    timers.sessionOpen('a', 90);
    expect(timers.due(149)).toEqual([]);
    expect(timers.due(150)).toEqual(['a']);
  });

  it('ends when the host is back, and is whole again the next time', () => {
    timers.sessionOpen('a', 0);
    timers.leaseHeld('a');
    expect(timers.due(1000)).toEqual([]);
    timers.leaseGone('a', 1000);
    expect(timers.due(1050)).toEqual([]);
  });

  it('does not apply to what is over, whichever is told first', () => {
    timers.leaseGone('a', 0);
    timers.sessionOpen('b', 0);
    timers.sessionOver('b');
    expect(timers.due(1000)).toEqual([]);
    expect(timers.waiting).toBe(0);
  });

  it('can be given again', () => {
    timers.sessionOpen('a', 0);
    timers.postpone('a', 100);
    expect(timers.due(150)).toEqual([]);
    expect(timers.due(200)).toEqual(['a']);
  });
});
