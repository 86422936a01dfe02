import { beforeEach, describe, expect, it } from 'vitest';
import { CONTINUE_BYTES, GATEWAY_LEASE_MS, KEYBOARD_GRACE_MS, PAUSE_BYTES, Watchers } from './watchers.js';

let now: number;
let watchers: Watchers;
beforeEach(() => {
  now = 0;
  watchers = new Watchers(() => now);
});

const report = (gateway: string, viewers: string, taken?: number): void =>
  watchers.report({ gateway, viewers: [...viewers].map((viewer) => ({ viewer, name: `name of ${viewer}` })), taken });
const writer = () => watchers.writer?.viewer;

describe('the keyboard of a terminal', () => {
  it('is for the first viewer, at whichever gateway the others are, until another one takes it', () => {
    expect(writer()).toBeUndefined();
    report('g1', 'a');
    report('g2', 'b');
    expect(writer()).toBe('a');
    expect([watchers.mayWrite('a'), watchers.mayWrite('b'), watchers.mayWrite(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(watchers.take('b')).toBe(true);
    expect([writer(), watchers.mayWrite('a')]).toEqual(['b', false]);
  });

  it('cannot be taken by a viewer that does not watch', () => {
    report('g1', 'a');
    expect(watchers.take('x')).toBe(false);
    expect(writer()).toBe('a');
  });

  it('stays with a viewer that reconnects within 10 s, by another gateway too, and is free meanwhile', () => {
    report('g1', 'ab');
    expect(watchers.take('a')).toBe(true);
    report('g1', 'b');
    expect(writer()).toBeUndefined();
    now += KEYBOARD_GRACE_MS - 1;
    report('g2', 'a');
    expect(writer()).toBe('a');
  });

  it('is for the viewer that types while it is free', () => {
    report('g1', 'ab');
    watchers.take('a');
    report('g1', 'bc');
    expect(watchers.mayWrite('c')).toBe(true);
    expect(writer()).toBe('c');
    report('g1', 'abc');
    expect(writer()).toBe('c');
  });

  it('goes to the only viewer left when the one that had it stays away', () => {
    report('g1', 'ab');
    watchers.take('a');
    report('g1', 'b');
    now += KEYBOARD_GRACE_MS;
    report('g1', 'b');
    expect(writer()).toBe('b');
  });

  it('lets a program without a WebSocket write only while no viewer has it', () => {
    expect(watchers.mayWrite(undefined)).toBe(true);
    report('g1', 'a');
    expect(watchers.mayWrite(undefined)).toBe(false);
  });
});

describe('those who watch a terminal', () => {
  it('are each counted once, and are gone when their gateway reports no longer', () => {
    report('g1', 'ab');
    report('g2', 'b');
    expect(watchers.viewers.map(({ viewer }) => viewer)).toEqual(['a', 'b']);
    now += GATEWAY_LEASE_MS;
    report('g2', 'b');
    now += 1;
    watchers.expire();
    expect(watchers.viewers.map(({ viewer }) => viewer)).toEqual(['b']);
    report('g2', '');
    expect(watchers.isWatched).toBe(false);
  });

  it('hold the output back by what the writer has taken, however slow or quick others are', () => {
    report('g1', 'a', 0);
    report('g2', 'b', 5_000_000);
    expect(watchers.holdsBack(PAUSE_BYTES, false)).toBe(false);
    expect(watchers.holdsBack(PAUSE_BYTES + 1, false)).toBe(true);
    // Not on and off at one byte.
    expect(watchers.holdsBack(CONTINUE_BYTES + 1, true)).toBe(true);
    expect(watchers.holdsBack(CONTINUE_BYTES, true)).toBe(false);
    watchers.take('b');
    expect(watchers.holdsBack(5_000_000, false)).toBe(false);
  });

  it('hold nothing back when there is no viewer', () => {
    report('g1', 'a', 0);
    watchers.clear();
    expect(watchers.holdsBack(1e9, false)).toBe(false);
  });
});
